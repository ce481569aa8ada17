"""Saved views of the experiment in MLflow's UI (menu *Views*).

A view is a tag of the experiment. MLflow has no API for views yet; the format is that of its demo
data (mlflow/demo/generators/saved_views.py of 3.17).
"""

import base64
import json
import time
import zlib
from collections.abc import Sequence

NOTE = "mlflow.note.content"  # tag with the description of a run or experiment
TAG = "mlflow.sharedViewState."  # prefix of the tags that are views; the key of the view follows
LINK = "viewStateShareKey"  # URL parameter with the key of a view
RESULTS, SWEEP = "results", "newest-sweep"  # keys of the two views
ABOUT = """\
Predicting the rating a user would give to an anime they have not seen.
The views *Results* and *Newest sweep* (menu *Views*) show the main columns.
"""


def columns(metrics: Sequence[str], params: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Return the names that MLflow's UI gives to columns of the run table, in display order."""
    kinds = (("metrics", metrics), ("params", params), ("tags", tags))
    return [f"{kind}.`{name}`" for kind, names in kinds for name in names]


def view(
    name: str,
    shown: Sequence[str],
    search: str = "",
    first: str = "attributes.start_time",
    highest: bool = True,
) -> str:
    """Return a view of the runs that match ``search``, as the value of its tag.

    Args:
        name: name in the menu.
        shown: columns to show, from ``columns``.
        search: query in MLflow's filter syntax; empty for all runs.
        first: column to sort by; jobs are then not nested below their sweep. By default the
            newest runs come first.
        highest: whether the highest value comes first.

    Returns:
        JSON; the key of the tag is ``TAG`` + the key of the view.
    """
    state = {
        "searchFilter": search,
        "orderByKey": first,
        "orderByAsc": not highest,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(shown),
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
    }
    now = int(time.time() * 1000)
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode("ascii")
    text = {"name": name, "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    return json.dumps(text)


def experiment_tags() -> dict[str, str]:
    """Return the tags of a new experiment: its description and the view *Results*."""
    results = columns(
        ("test_mse", "best_valid_mse", "list_ndcg"),
        ("model.name",),
        ("dataset", "route", "champion"),
    )
    return {
        "mlflow.experimentKind": "custom_model_development",  # no UI for LLM traces
        NOTE: ABOUT,
        TAG + RESULTS: view("Results", results),
    }
