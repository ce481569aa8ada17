"""Reads MyAnimeList's XML export, and what other programs write in its form."""

import re
from html.entities import html5
from itertools import compress
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.errors import UserError
from pipeline.recommender.bounds import ATTRIBUTES, check_entries
from pipeline.recommender.rating_files.decode import BAD
from pipeline.recommender.rating_files.raw import Raw, Rows, id_text, text

CDATA = "<![CDATA[", "]]>"
AND = re.compile(r"&(?:#(\d{1,7}|x[0-9a-f]{1,6});|(\w{1,32};)|)", re.IGNORECASE)
XML_ENTITIES = ("amp;", "lt;", "gt;", "quot;", "apos;")
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
ENTRY = re.compile(
    r"<(?:[\w.-]+:)?anime(?:\s[^<>]*)?>(.*?)(</(?:[\w.-]+:)?anime\s*>|(?=<(?:[\w.-]+:)?anime[\s>])|\Z)",
    re.DOTALL,
)
PREFIX, TAG = re.compile(r"<(/?)[\w.-]+:"), r"<\1"
TAGS = ("series_animedb_id", "series_title", "my_score", "my_status")
NONE_LEFT = "export your anime list from MyAnimeList."


def from_xml(name: str, content: str) -> Rows:
    """Read the titles of an export; a damaged one is read title by title.

    Raises:
        UserError: it has no titles, or entities of its own.
    """
    if content.count("=") > ATTRIBUTES:
        raise UserError(f'{name} has more than {ATTRIBUTES:,} times "=": no list in XML has.')
    content = _mended(content)
    notes = list[str]()
    try:
        root = fromstring(content)
    except DefusedXmlException as error:
        raise UserError(
            f"{name} cannot be read as XML: it defines entities of its own; {NONE_LEFT}"
        ) from error
    except (ParseError, ValueError) as error:
        entries, skipped = _one_by_one(content)
        if not entries:
            raise UserError(f"{name} cannot be read as XML: {error}; {NONE_LEFT}") from error
        notes.append(f"Not valid XML ({error}); read title by title.")
    else:
        skipped = []
        found = [element for element in root.iter() if _local(element) == "anime"]
        entries = [_entry(number, element) for number, element in enumerate(found, start=1)]
        if not entries:
            manga = any(_local(element) == "manga" for element in root.iter())
            what = "a list of manga" if manga else "no <anime> in it"
            raise UserError(f"{name}: {what}; {NONE_LEFT}")
    damaged = [not entry.anime_id and BAD in entry.name for entry in entries]
    skipped += [
        f"{entry.where}: its name has damaged letters." for entry in compress(entries, damaged)
    ]
    kept = [entry for entry, bad in zip(entries, damaged, strict=True) if not bad]
    return Rows(kept, skipped, notes, (1, 10))


def _local(element: Element) -> str:
    """Return the tag of an element without its namespace."""
    return str(element.tag).rpartition("}")[2].lower()


def _entry(number: int, element: Element) -> Raw:
    found = {_local(child): child.text for child in element}
    anime_id, title, rating, status = map(found.get, TAGS)
    where = f"<anime> number {number}"
    return Raw(where, id_text(anime_id), text(title), text(rating), text(status))


def _one_by_one(content: str) -> tuple[list[Raw], list[str]]:
    """Read each title on its own; returns the titles, and what cannot be read."""
    entries, skipped = list[Raw](), list[str]()
    for number, match in enumerate(ENTRY.finditer(content), start=1):
        check_entries(number)
        where = f"<anime> number {number}"
        try:
            if not match[2]:
                raise UserError(
                    "it has no end." if match.end() < len(content) else "the file ends."
                )
            element = fromstring(f"<anime>{PREFIX.sub(TAG, match[1])}</anime>")
            entries.append(_entry(number, element))
        except (ParseError, DefusedXmlException, ValueError, UserError) as error:
            skipped.append(f"{where}: {error}")
    return entries, skipped


def _mended(content: str) -> str:
    """Return a text without what many programs write and XML does not allow."""
    return AND.sub(_character, _without_cdata(NO_XML.sub("", content)).strip())


def _without_cdata(content: str) -> str:
    """Write what is within CDATA as other text."""
    (begin, end), parts, at = CDATA, list[str](), 0
    while (start := content.find(begin, at)) >= 0 and (stop := content.find(end, start)) >= 0:
        parts += [content[at:start], escape(content[start + len(begin) : stop])]
        at = stop + len(end)
    return "".join([*parts, content[at:]])


def _character(match: re.Match[str]) -> str:
    """Return a character reference that XML allows, for an "&" and what follows it."""
    number, word = match[1], match[2]
    if number:
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        character = chr(code) if code < 0x110000 else ""
        return escape(NO_XML.sub("", character))
    if word in XML_ENTITIES:
        return match[0]
    return escape(html5[word]) if word in html5 else "&amp;" + (word or "")
