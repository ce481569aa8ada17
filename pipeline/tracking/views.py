"""How MLflow's UI shows the runs: saved views of the experiment, as its menu *Views* keeps them.

A view is a tag of the experiment. MLflow has no call for them yet; this is how its own demo data
makes some (mlflow/demo/generators/saved_views.py of 3.17).
"""

import base64
import json
import time
import zlib
from collections.abc import Sequence

NOTE = "mlflow.note.content"  # tag of the description of a run or experiment
TAG = "mlflow.sharedViewState."
LINK = "viewStateShareKey"  # in the address of a view
RESULTS, SWEEP = "results", "newest-sweep"  # keys of the two views, as in their links
ABOUT = """\
How well is the rating predicted that a user would give an anime they have not seen?
The views *Results* and *Newest sweep* (menu *Views*) have the columns that matter.
"""


def columns(metrics: Sequence[str], params: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Name columns of the table of runs as MLflow's UI does, in the order they are shown."""
    kinds = (("metrics", metrics), ("params", params), ("tags", tags))
    return [f"{kind}.`{name}`" for kind, names in kinds for name in names]


def view(
    name: str, shown: Sequence[str], search: str = "", lowest: str = "attributes.start_time"
) -> str:
    """Describe a view of the runs that ``search`` finds.

    Args:
        name: as the menu has it.
        shown: what ``columns`` returns.
        search: a query in MLflow's language; empty for all runs.
        lowest: a column; the runs with the lowest value come first, and jobs are not folded up
            below their sweep. By default the newest come first.

    Returns:
        The value of the experiment's tag ``TAG`` with the key of the view.
    """
    state = {
        "searchFilter": search,
        "orderByKey": lowest,
        "orderByAsc": not lowest.startswith("attributes"),
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
    """Return the tags that a new experiment starts with: what it is about, and its first view."""
    results = columns(
        ("test_mse", "best_valid_mse"), ("model.name",), ("dataset", "route", "champion")
    )
    return {
        "mlflow.experimentKind": "custom_model_development",  # curves and tables, no traces
        NOTE: ABOUT,
        TAG + RESULTS: view("Results", results),
    }
