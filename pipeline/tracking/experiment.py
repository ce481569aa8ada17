"""The experiment that runs belong to, in a store of any kind."""

from typing import TYPE_CHECKING

from pipeline.tracking import views

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment


def find(
    client: "MlflowClient", name: str, number: str | None, artifacts: str | None = None
) -> "Experiment":
    """Return an experiment by its number, or by its name; then it is created if it is not there.

    Args:
        client: client of the store.
        name: its name.
        number: its number, if that is given instead.
        artifacts: where a new one keeps artifacts; None for what the store does.
    """
    if number:
        return client.get_experiment(number)
    if (found := client.get_experiment_by_name(name)) is not None:
        return found
    made = client.create_experiment(name, artifact_location=artifacts, tags=views.experiment_tags())
    return client.get_experiment(made)
