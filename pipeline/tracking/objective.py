"""What the jobs of a sweep are ranked by: a figure of the validation rows, never of test rows."""

from typing import NamedTuple

from pipeline.errors import UserError


class Objective(NamedTuple):
    """A figure that ranks jobs.

    Attributes:
        metric: its name in MLflow.
        figure: its name in metrics/train.json.
        test: the same figure of the test rows, shown beside it.
        highest: whether the highest is the best, and not the lowest.
        words: what it is called.
    """

    metric: str
    figure: str
    test: str
    highest: bool
    words: str

    @property
    def order(self) -> str:
        """How MLflow orders runs, the best first."""
        return f"metrics.{self.metric} {'DESC' if self.highest else 'ASC'}"

    def loss(self, value: float) -> float:
        """Return what a search minimises."""
        return -value if self.highest else value


OBJECTIVES = {
    "mse": Objective("best_valid_mse", "valid_mse", "test_mse", False, "validation MSE"),
    "ndcg": Objective(
        "valid_list_ndcg", "valid_list_ndcg", "list_ndcg", True, "validation NDCG of lists"
    ),
}
TAG = "objective"  # of the run of a sweep: the key in OBJECTIVES


def named(name: str) -> Objective:
    """Return an objective by name.

    Raises:
        UserError: no objective has this name.
    """
    if name not in OBJECTIVES:
        raise UserError(
            f"hydra.callbacks.mlflow.objective: {name!r} is unknown; any of {tuple(OBJECTIVES)}."
        )
    return OBJECTIVES[name]
