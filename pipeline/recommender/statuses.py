"""Words for statuses."""

import re

from pipeline.errors import UserError
from pipeline.recommender.listed import STATUSES

# Other words, MyAnimeList's numbers too; without spaces, hyphens and underscores.
WORDS = {status.replace("_", ""): status for status in STATUSES} | {
    "": "completed", "1": "watching", "2": "completed", "3": "on_hold", "4": "dropped",
    "6": "planned", "plantowatch": "planned", "ptw": "planned", "planning": "planned",
    "paused": "on_hold", "hold": "on_hold", "current": "watching", "currentlywatching": "watching",
    "rewatching": "completed", "repeating": "completed", "watched": "completed",
    "wanttowatch": "planned", "wannawatch": "planned", "stalled": "on_hold",
    "finished": "completed", "stopwatching": "dropped", "stoppedwatching": "dropped",
}  # fmt: skip


def status_of(text: str) -> str:
    """Return the one of STATUSES that a word or a number of MyAnimeList stands for.

    Raises:
        UserError: it stands for none.
    """
    word = re.sub(r"[\s_-]|\.0$", "", text.lower())
    if word not in WORDS:
        raise UserError(f"status {text[:99]!r} is unknown; choose from {', '.join(STATUSES)}.")
    return WORDS[word]
