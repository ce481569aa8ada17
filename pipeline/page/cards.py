"""Titles as cards, in HTML: what a title is, what one would rate it, and why to watch it."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from pipeline.artifact.scale import Scale
from pipeline.recommender.catalogue import caption
from pipeline.recommender.reasons import KNOWN_BY_MANY

STYLE = Path(__file__).with_name("page.css")
ACCENT = "#1f9a8c"  # as in the style
FULL = 0.4  # a bar is as high as the picture at this chance, or at the highest if that is more
PEOPLE = ("You", "The other one")
Title = dict[str, Any]  # as Recommender.recommend describes it


def card(rank: int, title: Title, scale: Scale, note: str = "") -> str:
    """Show a title to one person.

    Args:
        rank: its place on the list.
        title: as ``Recommender.recommend`` describes it.
        scale: the scale of the ratings.
        note: what else to say of the title.
    """
    liked = f'<div class="liked">{_liked(title, scale)}</div>'
    outlook = (
        f'<div class="outlook"><div class="number"><b>{title["prediction"]:.1f}</b>'
        f"<span>your rating, probably<br>{_between(title)}</span></div>"
        f"{picture(title, scale)}{liked}</div>"
    )
    return f'<div class="card">{_about(rank, title, note)}{outlook}</div>'


def card_for_two(rank: int, title: Title, scale: Scale) -> str:
    """Show a title to two people, as ``recommend_both`` describes it."""
    people = "".join(
        f'<div class="person"><span>{name}</span><b>{one["prediction"]:.1f}</b>'
        f"{interval(one, scale)}<small>{_between(one)} · {_percent(one['liked'])} to like it"
        "</small></div>"
        for name, one in zip(PEOPLE, (title, title["other"]), strict=True)
    )
    about = _about(rank, title, "", dict(zip(PEOPLE, (title, title["other"]), strict=True)))
    return f'<div class="card">{about}<div class="outlook">{people}</div></div>'


def line(title: Title, what: str) -> str:
    """Name a title, and say what it is, in a few words below."""
    return f'<div class="entry"><b>{escape(title["title"])}</b><br>{escape(what)}</div>'


def picture(title: Title, scale: Scale) -> str:
    """Draw how likely each rating is: a bar for each, those of the interval in full colour."""
    grades, full, half = scale.values, max(FULL, *title["grades"]), scale.step / 2
    bars = "".join(
        f'<i class="{"in" if title["low"] - half <= grade <= title["high"] + half else ""}"'
        f' title="{share:.0%}">'
        f'<u style="--part:{share / full:.3f}"></u>{grade:g}</i>'
        for grade, share in zip(grades, title["grades"], strict=True)
    )
    return f'<div class="grades" role="img" aria-label="{spoken(title, scale)}">{bars}</div>'


def spoken(title: Title, scale: Scale) -> str:
    """Say in words how likely each rating is."""
    grades = zip(scale.values, title["grades"], strict=True)
    shares = ", ".join(f"{share:.0%} for {grade:g}" for grade, share in grades)
    return f"How likely each rating is: {shares}. {_between(title)}."


def interval(title: Title, scale: Scale) -> str:
    """Draw a prediction as a dot, and its interval as a line."""
    length = scale.high - scale.low
    low, middle, high = (
        100 * (title[name] - scale.low) / length for name in ("low", "prediction", "high")
    )
    words = f"Rating {title['prediction']:.1f}, {_between(title)}"
    return (
        f'<div class="line" role="img" aria-label="{words}">'
        f'<u style="left:{low:.0f}%;width:{high - low:.0f}%"></u>'
        f'<s style="left:{middle:.0f}%"></s></div>'
    )


def _between(title: Title) -> str:
    """Say between which ratings the 80 % interval is."""
    return f"8 times in 10: {title['low']:.1f} to {title['high']:.1f}"


def _liked(title: Title, scale: Scale) -> str:
    """Say how likely one likes a title."""
    what = f"that you like it <span>({scale.rating(scale.liked):g} or more)</span>"
    return f"<b>{_percent(title['liked'])}</b> {what}"


def _percent(chance: float) -> str:
    """Write a chance; none of them is certain."""
    return "over 99%" if chance > 0.99 else "under 1%" if chance < 0.01 else f"{chance:.0%}"


def _about(rank: int, title: Title, note: str, people: dict[str, Title] | None = None) -> str:
    """Say what a title is, and why to watch it, for one person or several by name."""
    notes = [note, "on your plan" if title["planned"] else ""]
    if more := title.get("more_in_series"):
        notes.append(f"and {more} more of this series")
    badges = "".join(f"<span>{escape(text)}</span>" for text in notes if text)
    whys = "".join(_why(one, name) for name, one in (people or {"": title}).items())
    return (
        f'<div class="about"><h3>{rank}. {escape(title["title"])}</h3>'
        f'<p class="what">{escape(caption(title))}</p>'
        f'<p class="notes">{badges}</p>{whys}</div>'
    )


def _why(title: Title, name: str) -> str:
    """Say what speaks for watching a title and, to one person, what lifts its rating."""
    begin, lines = f"{name}: because of" if name else "Because you have", list[str]()
    if title["why_watch"]:
        lines.append(f"<b>{begin}</b> {_joined(part['what'] for part in title['why_watch'])}")
    # How many people know a title says nothing of this one: it never comes first.
    if not name and title["why"] and title["why"][0]["what"] != KNOWN_BY_MANY:
        lifts = (f"{_words(part['what'])} (+{part['points']:.2f})" for part in title["why"])
        lines.append(f"<b>What lifts your rating:</b> {_joined(lifts)}")
    return "".join(f'<p class="why">{line}</p>' for line in lines)


def _words(what: str) -> str:
    return "how well known it is" if what == KNOWN_BY_MANY else what


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(map(escape, parts))
