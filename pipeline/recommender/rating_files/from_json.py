"""Reads lists in JSON: of MyAnimeList, AniList, Shikimori, Kitsu, Simkl and Trakt, or objects."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UserError
from pipeline.recommender.bounds import check_entries
from pipeline.recommender.rating_files.from_table import TEN, from_objects
from pipeline.recommender.rating_files.raw import Range, Raw, Rows, id_text, text

FORMATS: dict[str, Range] = {  # of AniList, highest ratings
    "POINT_100": (1, 100), "POINT_10": (1, 10), "POINT_10_DECIMAL": (0.1, 10), "POINT_5": (1, 5),
    "POINT_3": (1, 3),
}  # fmt: skip
SITE = "myanimelist/anime"  # what Kitsu calls it
NONE = "no list in it that is known; bring MyAnimeList's XML export, or a CSV file."
Object = Mapping[str, Any]


def from_json(name: str, content: str) -> Rows:
    """Read the entries of a list in JSON, or of one object per line.

    Raises:
        UserError: it is not JSON or no list that is known, or as ``from_table`` does.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        try:
            value = [json.loads(line) for line in content.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            reason = str(error).partition(";")[0]
            raise UserError(f"{name} cannot be read as JSON: {reason}") from error
    if (collection := _collection(value)) is not None:
        return _anilist(collection)
    if (rows := _kitsu(value)) is not None:
        return rows
    objects = _objects(value)
    check_entries(len(objects))
    if not objects:
        raise UserError(f"{name}: {NONE}")
    if any(_object(one, "list_status") for one in objects):
        return _api(objects)
    if any("target_id" in one for one in objects):
        return _shikimori(objects)
    if any(_object(one, "show") for one in objects):
        return _simkl(objects)
    rows = from_objects(name, objects)
    load = any("anime_title" in one and "anime_id" in one for one in objects)
    return rows._replace(scale=TEN) if load else rows


def _under(value: Any, *path: str) -> Any:
    """Return what is under some keys, None if there is nothing."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _object(value: Any, *path: str) -> Object:
    """Return the object under some keys, an empty one if there is none."""
    found = _under(value, *path)
    return found if isinstance(found, Mapping) else {}


def _list(value: Any, *path: str) -> list[Any]:
    """Return the list under some keys, an empty one if there is none."""
    found = _under(value, *path)
    return found if isinstance(found, list) else []


def _objects(value: Any) -> list[Object]:
    """Return the objects of the one list of a document, or of all pages of it."""
    if isinstance(value, dict):
        lists = [one for one in value.values() if isinstance(one, list) and one]
        value = lists[0] if len(lists) == 1 else []
    if not isinstance(value, list):
        return []
    pages = [_list(one, "data") for one in value]
    if all(pages):
        value = [one for page in pages for one in page]
    return (
        [one if isinstance(one, dict) else {} for one in value]
        if any(isinstance(one, dict) for one in value)
        else []
    )


def _collection(value: Any) -> Object | None:
    """Return AniList's MediaListCollection if there is one."""
    for path in (("data", "MediaListCollection"), ("MediaListCollection",), ()):
        found = _object(value, *path)
        if any(_list(one, "entries") for one in _list(found, "lists")):
            return found
    return None


def _anilist(collection: Object) -> Rows:
    """Read what AniList's API answers; a title on several custom lists is one entry."""
    entries: dict[str, Raw] = {}
    others = 0
    every = [one for of in _list(collection, "lists") for one in _list(of, "entries")]
    for number, one in enumerate(every, start=1):
        media = _object(one, "media")
        if media.get("type") not in (None, "ANIME"):
            others += 1
            continue
        titles = (_under(media, "title", kind) for kind in ("romaji", "english", "native"))
        name = next(filter(None, map(text, [media.get("title"), *titles])), "")
        rating = text(_under(one, "score") or "")  # 0 is none on every scale
        raw = Raw(f"entry {number}", id_text(media.get("idMal")), name, rating,
                  text(_under(one, "status")))  # fmt: skip
        entries.setdefault(repr(_under(one, "id") or raw[1:]), raw)
    kind = _under(collection, "user", "mediaListOptions", "scoreFormat")
    read = list(entries.values())
    ids = any(raw.anime_id for raw in read)
    return Rows(read, [], _left_out(others), FORMATS.get(text(kind)), ids)


def _left_out(others: int) -> list[str]:
    """Say how many entries of a list are of no anime."""
    return [f"{others} entries are not of anime, and are left out."] if others else []


def _rows(objects: list[Object], *paths: tuple[str, ...]) -> list[Raw]:
    """Read what is under the paths of id, name, rating and status in each object."""
    read = []
    for number, one in enumerate(objects, start=1):
        anime_id, name, rating, status = (_under(one, *path) for path in paths)
        read.append(
            Raw(f"entry {number}", id_text(anime_id), text(name), text(rating), text(status))
        )
    return read


def _api(objects: list[Object]) -> Rows:
    """Read what MyAnimeList's API answers."""
    status = "list_status"
    paths = ("node", "id"), ("node", "title"), (status, "score"), (status, "status")
    return Rows(_rows(objects, *paths), [], [], TEN)


def _shikimori(objects: list[Object]) -> Rows:
    anime = [one for one in objects if text(one.get("target_type")).lower() in ("", "anime")]
    rows = _rows(anime, ("target_id",), ("target_title",), ("score",), ("status",))
    return Rows(rows, [], _left_out(len(objects) - len(anime)), TEN)


def _simkl(objects: list[Object]) -> Rows:
    """Read what Simkl exports, or Trakt, which calls the rating otherwise."""
    rating = "user_rating" if any("user_rating" in one for one in objects) else "rating"
    paths = ("show", "ids", "mal"), ("show", "title"), (rating,), ("status",)
    return Rows(_rows(objects, *paths), [], [], TEN)


def _kitsu(value: Any) -> Rows | None:
    """Read what Kitsu's API answers, whose own ids are none of MyAnimeList; None if it is not."""
    entries = _list(value, "data")
    if not any(_object(one, "attributes") for one in entries):
        return None
    known = {_link(one): one for one in _list(value, "included")}
    rows, others = list[Raw](), 0
    for number, entry in enumerate(entries, start=1):
        links = [_object(entry, "relationships", kind, "data") for kind in ("anime", "media")]
        link = links[0] or links[1]
        if link.get("type") not in (None, "anime"):
            others += 1
            continue
        media = known.get(_link(link), {})
        anime_id, name = _of_myanimelist(media, known), _title(media)
        rating, status = (
            text(_under(entry, "attributes", kind)) for kind in ("ratingTwenty", "status")
        )
        rows.append(Raw(f"entry {number}", anime_id, name, rating, status))
    return Rows(rows, [], _left_out(others), (2, 20), ids=any(row.anime_id for row in rows))


def _link(value: Any) -> str:
    """Return how an object is referred to."""
    return repr((_under(value, "type"), _under(value, "id")))


def _title(media: Object) -> str:
    paths = ("canonicalTitle",), ("titles", "en_jp"), ("titles", "en")
    names = (text(_under(media, "attributes", *path)) for path in paths)
    return next(filter(None, names), "")


def _of_myanimelist(media: Object, known: Mapping[str, Any]) -> str:
    """Return the id of MyAnimeList that is mapped to a title of Kitsu, empty if none is."""
    links = _list(media, "relationships", "mappings", "data")
    sites = (_object(known.get(_link(link)), "attributes") for link in links)
    ids = (site.get("externalId") for site in sites if site.get("externalSite") == SITE)
    return next(filter(None, map(id_text, ids)), "")
