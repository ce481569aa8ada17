"""Addresses of stores: how they are shown without secrets, and those of SQLite files."""

import re
from pathlib import Path

SQLITE = "sqlite:///"
LOGIN = re.compile(r"(?<=//)\S*@")  # up to the last @, as a password may have one too
QUERY = re.compile(r"(?<=[?&])([^=&\s]*)=[^&\s]*")  # of a database it may have a password


def shown(text: str) -> str:
    """Return an address, or a message with addresses, without names, passwords and queries."""
    return QUERY.sub(r"\1=…", LOGIN.sub("", text))


def sqlite(folder: Path, path: str) -> str:
    """Return the URI of a SQLite file in ``folder``, whatever the folder is called.

    SQLAlchemy decodes %XX and ends the path at a question mark. MLflow creates the folder that
    stands behind ``sqlite:///`` without decoding it, but not with the driver named.
    """
    quoted = str(folder).replace("%", "%25").replace("?", "%3F")
    prefix = SQLITE if quoted == str(folder) else "sqlite+pysqlite:///"
    return f"{prefix}{quoted}/{path}"
