"""Decodes a list: UTF-8, UTF-16, what an XML declares, or Windows-1252 where it can be no other."""

import codecs
import re

from pipeline.errors import UserError

MARKS = (  # at the beginning of a file, the longest first
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
ASCII = b"<?xml \\x41 +ADw- ~?>"  # encodings that change this are none of text files
CONTROL = [chr(code) for code in (*range(1, 9), *range(14, 32))]
MANY = 100  # if more than one character in so many is a control character, it is no text
BAD = "\ufffd"


def decoded(name: str, data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, and what was assumed.

    Raises:
        UserError: it is empty or no text file.
    """
    if not data.strip():
        raise UserError(f"{name} is empty.")
    encoding, notes = _encoding(data)
    if encoding:
        text = data.decode(encoding, errors="replace")
    else:
        text, notes = _utf8_or_windows(data)
    text = text.removeprefix("\ufeff")
    if encoding and BAD in text:
        notes = [*notes, f"{text.count(BAD)} characters are no {encoding}, and are left out."]
    binary = "\0" in text or MANY * sum(map(text.count, CONTROL)) > len(text)
    if binary and not text.lstrip().startswith("<"):
        raise UserError(f"{name} is not a text file; bring a list as CSV, XML or JSON.")
    return text, notes


def _encoding(data: bytes) -> tuple[str, list[str]]:
    """Return the encoding that is certain or declared, empty for none, and what was assumed."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding, []
    first = data[:8]  # a header or a tag: Latin letters, of two bytes each in UTF-16
    if len(first) == 8 and not any(first[1::2]) and all(first[::2]):
        return "utf-16-le", ["Read as UTF-16."]
    if len(first) == 8 and not any(first[::2]) and all(first[1::2]):
        return "utf-16-be", ["Read as UTF-16."]
    declared = DECLARED.match(data[:400])
    word = declared[1].decode() if declared else ""
    if not word or _normal(word) == "utf-8":
        return "", []
    try:
        if ASCII.decode(word) == ASCII.decode():
            return _normal(word), []
    except (LookupError, UnicodeError):
        pass
    return "", [f"The declared encoding {word} is none of this file."]


def _normal(word: str) -> str:
    try:
        return codecs.lookup(word).name
    except LookupError:
        return word


def _utf8_or_windows(data: bytes) -> tuple[str, list[str]]:
    """Decode UTF-8 with a few damaged letters, or Windows-1252 if no letter is one of UTF-8."""
    try:
        return data.decode(), []
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
    letters = sum(letter > "\x7f" and letter != BAD for letter in text)
    declared = DECLARED.match(data[:400])
    if not letters and not declared:
        try:
            windows = data.decode("cp1252")
        except UnicodeDecodeError:
            pass
        else:
            return windows, ["Not UTF-8; read as Windows-1252."]
    return text, [f"{text.count(BAD)} characters are no UTF-8, and are left out."]
