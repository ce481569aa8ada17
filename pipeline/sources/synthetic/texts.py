"""Invented words and phrases, and skewed and missing values, for synthetic files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]

SYLLABLES = [consonant + vowel for consonant in "kstnhmrg" for vowel in "aiou"]
KANA = list("アイウエオカキクケコサシスセソタチツテトナニヌネハヒフヘホマミム")

# Forms of phrases; the first of a list is drawn most often.
NAMES = ["{} {}", "{} no {}", "{}: {}", "{}, {}!", "{}☆{} 2nd Season", 'The "{}" of {}']
LISTS = ["{}", "{}, {} Ito"]  # "Ito" keeps the two names different
SYNOPSES = ['They call it "{}": the night when {} went.\n\nIt comes again.', "No description."]


def draw_skewed(rng: Generator, options: Sequence[Any], n: int) -> Array:
    """Draw ``n`` options with replacement, the first far more often than the last."""
    return np.array(options)[(len(options) * rng.random(n) ** 2).astype(int)]


def with_missing(rng: Generator, values: Any, share: float, missing: str = "UNKNOWN") -> Array:
    """Replace a share of the values, at least one, by the text ``missing``."""
    texts = np.array(values, dtype=object)
    texts[rng.permutation(len(texts))[: max(1, round(share * len(texts)))]] = missing
    return texts


def spelled(numbers: Array, syllables: list[str] = SYLLABLES) -> Array:
    """Spell numbers as words of four syllables; different numbers below 2**20 differ."""
    mixed = numbers * 654_321 % 2**20  # the factor is odd, so this is one to one
    words: Array = np.array(syllables, dtype=object)[mixed >> np.c_[0:20:5] & 31].sum(axis=0)
    return words


def phrases(rng: Generator, forms: list[str], numbers: Array) -> Array:
    """Make a phrase per number: one of ``forms``, filled with its word and that of another."""
    first, second = spelled(numbers), spelled(rng.permutation(numbers))
    drawn = zip(draw_skewed(rng, forms, len(numbers)), first, second, strict=True)
    return np.array([form.format(a.title(), b.title()) for form, a, b in drawn], dtype=object)
