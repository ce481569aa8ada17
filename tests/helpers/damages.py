"""Raw files of a few rows, and kinds of damage to a file."""

import codecs
import csv
import io
import random
import re
from contextlib import suppress

from hypothesis import strategies as st

from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV

SCALE = range(1, 11)


# Files without damage ---------------------------------------------------------------------------


def as_csv(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def decoded(content):
    """The text of a file: UTF-16 or UTF-32 if it is marked so, UTF-8 if it can be, or Western."""
    for bom, name in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16")):
        if content.startswith(bom):
            return content.decode(name, "replace")
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    return content.decode("cp1252", "replace")


def as_rows(content):
    """The records of a file as Python's csv module reads them, without blank lines.

    Where that gives uneven rows, and ``\\"`` for a quote gives even ones, it is for a quote.
    """
    text = decoded(content)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True) if row]
    if '\\"' in text and len({len(row) for row in rows}) > 1:
        escaped = re.sub(r'\\(["\\]?)', lambda found: found[0] if found[1] else "\\\\", text)
        reader = csv.reader(io.StringIO(escaped, newline=""), escapechar="\\")
        other = [row for row in reader if row]
        return other if len({len(row) for row in other}) == 1 else rows
    return rows


def scores(seed, rows, timestamp):
    draw = random.Random(seed)
    pairs = draw.sample([(user, item) for user in range(1, 8) for item in range(20, 32)], rows)
    table = [["user_id", "Username", "anime_id", "Anime Title", "rating", "timestamp"]]
    for when, (user, item) in enumerate(pairs):
        title = draw.choice(["Plain", 'Comma, "quote"', "Café ☆"])
        table.append([user, f"user{user}", item, title, draw.choice(SCALE), 10**9 + when])
    return as_csv(table if timestamp else [row[:-1] for row in table])


def catalogue():
    names = [
        "Plain",
        "Comma, and",
        'A "quoted" one',
        "Two\nlines",
        "Café",
        "トミホヘ",
        "UNKNOWN",
        "",
    ]
    table = [["anime_id", "Name", "Score", "Genres", "Type", "Episodes", "Studios", "Source"]]
    table += [
        [item, names[item % 8], "7.5", "Action, Drama", "TV", "12.0", "Bones", "Manga"]
        for item in range(20, 44)
    ]
    return as_csv(table)


def details():
    table = [["Mal ID", "Gender", "Location", "Completed", "Plan to Watch"]]
    table += [[user, "Female", 'Köln, "here"\nthere', "3.0", user] for user in range(1, 25)]
    return as_csv(table)


def whole(timestamp=True, tested=True):
    files = {SCORES_CSV: scores(1, 30, timestamp), DETAILS_CSV: details()}
    files |= {TEST_CSV: scores(2, 20, timestamp=False)} if tested else {}
    return files | {CATALOGUE_CSV: catalogue()}


WHOLE = st.builds(whole, timestamp=st.booleans(), tested=st.booleans())


# Kinds of damage: each draws the details, and returns the damaged bytes of a file ---------------


def cut(draw, content):
    return content[: draw(st.integers(0, len(content) - 1), label="length")]


def encoding(draw, content):
    text = decoded(content)
    names = [
        "latin-1",
        "cp1252",
        "shift_jis",
        "utf-16",
        "utf-16-le",
        "utf-32",
        "utf-8-sig",
        "utf-7",
    ]
    return text.encode(draw(st.sampled_from(names)), "replace")


def newlines(draw, content):
    new = draw(st.sampled_from([b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\x85", "\u2028".encode()]))
    if draw(st.booleans(), label="everywhere"):
        return content.replace(b"\n", new)
    return content.replace(b"\n", new, draw(st.integers(1, 40), label="how many"))


def inserted(draw, content, pieces):
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)), label="position")
        content = content[:at] + draw(st.sampled_from(pieces)) + content[at:]
    return content


def quotes(draw, content):
    return inserted(
        draw, content, [b'"', b'""', b'"""', b'\\"', b"'", b'","', b'"\n', b' "', b'" ']
    )


def nul_and_control(draw, content):
    return inserted(
        draw, content, [b"\0", b"\0" * 9, b"\x1a", b"\x1b[2J", b"\x0b", b"\xa0", b"\x7f"]
    )


def flips(draw, content):
    damaged = bytearray(content)
    for at in draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        damaged[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(damaged)


def blank_lines(draw, content):
    return inserted(draw, content.replace(b"\n", b"\n\n", 2), [b"\n", b"\n\n", b"\n \n", b'\n""\n'])


def columns(draw, content):
    """Delete, double, rename or move a column: in the header, in the rows, or in both."""
    rows = as_rows(content)
    place = draw(st.integers(0, len(rows[0]) - 1), label="column")
    change = draw(st.sampled_from(["delete", "double", "rename", "move"]))
    where = draw(st.sampled_from(["header", "rows", "both"]))
    for row in {"header": rows[:1], "rows": rows[1:], "both": rows}[where]:
        cell = row.pop(place) if place < len(row) else ""
        if change == "rename":
            row.insert(place, cell.upper() + " ")
        elif change != "delete":
            row[:0] = [cell] * (2 if change == "double" else 1)
    return as_csv(rows)


def lines(draw, content):
    """Give a row more or fewer cells, empty it, repeat it, or repeat the header."""
    rows = as_rows(content)
    row = draw(st.integers(0, len(rows) - 1), label="row")
    change = draw(st.sampled_from(["more", "empty more", "fewer", "none", "again", "header"]))
    match change:
        case "more":
            rows[row] = rows[row] + ["9"] * draw(st.integers(1, 3))
        case "empty more":
            rows[row] = [*rows[row], ""]
        case "fewer":
            rows[row] = rows[row][: draw(st.integers(1, len(rows[row])))]
        case "none":
            rows[row] = [""] * len(rows[row])
        case "again":
            rows.insert(draw(st.integers(1, len(rows))), rows[row])
        case "header":
            rows.insert(draw(st.integers(1, len(rows))), rows[0])
    return as_csv(rows)


NUMBERS = [
    "-1", "0", "11", "255", "99999999999", "-2147483649", "2147483648", "9" * 400, "1e400", "-1e9",
    "nan", "-nan", "inf", "-Infinity", "0x10", "0b1", "1_000", "1__0", "1e1", ".8e1", "8.", "8.0",
    "7.5", "8.0000001", "+8", "--8", " 8 ", "\t8", "8\n", "٣", "\uff18", "½", "", " ", "NULL",
    "None", "NA", "true", "8,0", "8;0", "=8", "'8'", "8 min", "#8", "UNKNOWN",
    "UNKNOWN ", "\u00a08",
]  # fmt: skip


def numbers(draw, content):
    rows = as_rows(content)
    for _ in range(draw(st.integers(1, 6))):
        row = rows[draw(st.integers(1, len(rows) - 1), label="row")] if rows[1:] else rows[0]
        row[draw(st.integers(0, len(row) - 1), label="column")] = draw(st.sampled_from(NUMBERS))
    return as_csv(rows)


def little_left(draw, content):
    first = content.splitlines(keepends=True)[0]
    left = [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b",", b"\0", first]
    left += [first.strip(), first.strip() + b"\r", b"\n" + content, b"\n\n" + first]
    return draw(
        st.sampled_from([*left, b"<html><body>404 Not Found</body></html>\n", b"PK\x03\x04"])
    )


def long(draw, content):
    """Put millions of characters in one line: the header, a row, or the only line."""
    cell = draw(st.sampled_from([b"a" * 3_000_000, b'"' + b"a,\n" * 10**6 + b'"', b"a," * 10**6]))
    at = draw(st.sampled_from([0, content.find(b"\n"), len(content) - 1]))
    return cell if draw(st.booleans(), label="alone") else content[:at] + cell + content[at:]


DAMAGES = [
    cut, encoding, newlines, quotes, nul_and_control, flips, blank_lines, columns, lines, numbers,
    little_left,
]  # fmt: skip
