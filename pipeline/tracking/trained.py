"""The run that trained a model, which evaluate continues: in the store, or noted in the spool."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.settings.sections import Config, flat
from pipeline.tracking import champion, origin, spool

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

MODEL_DIGEST = "model_digest"  # tag by which evaluate finds the run that trained a model
JOB = "job"  # tag with the digest of a sweep's job


class There(NamedTuple):
    """A run on a server, and its last point of a system metric, whose steps MLflow counts on."""

    run: "Run"
    last: "Metric | None"


def params(config: Config) -> dict[str, Any]:
    """Return the params of a run."""
    return flat(asdict(config)) | {"model.name": config.model.name}


def find(number: str, config: Config, model: str) -> "Run | None":
    """Return the newest run of a model with the settings of evaluate in ``config``.

    Args:
        number: id of the experiment in the store that MLflow points at.
        config: all settings.
        model: digest of the model.
    """
    import mlflow

    query = f"tags.{MODEL_DIGEST} = '{model}'"
    if job := os.environ.get(origin.SWEEP_JOB):  # two jobs may train the same model
        query += f" and tags.{JOB} = '{job}'"
    found = mlflow.MlflowClient().search_runs([number], query)
    return next((run for run in found if _evaluated_so(run, config)), None)


def _evaluated_so(run: "Run", config: Config) -> bool:
    """Whether a run has the settings of evaluate in ``config``."""
    return _of_evaluate(config).items() <= run.data.params.items()


def _of_evaluate(config: Config) -> dict[str, str]:
    return {k: str(v) for k, v in params(config).items() if k.startswith("evaluate.")}


def note(spooled: spool.Spooled, ended: "Run", config: Config) -> None:
    """Note by what evaluate finds a run that has ended, if it is to continue it."""
    tags = ended.data.tags
    if MODEL_DIGEST in tags and champion.ROWS not in tags:
        told_by = {"model": tags[MODEL_DIGEST], "job": tags.get(JOB), "title": ended.info.run_name}
        spooled.write(next=told_by | {"evaluate": _of_evaluate(config)})
    else:
        spooled.write(next=None)


def known(config: Config, model: str, server: str) -> spool.Spooled | None:
    """Return the run that trained a model, if this is noted here."""
    for spooled in reversed(spool.noted(server)):
        found = spooled.note.get("next") or {}
        same = found.get("model") == model and found["evaluate"] == _of_evaluate(config)
        if same and os.environ.get(origin.SWEEP_JOB) in (None, found["job"]):
            return spooled
    return None


def there(number: str, config: Config, model: str) -> There | None:
    """Return what ``find`` does, of a server, with what it takes to continue the run."""
    from mlflow import MlflowClient

    run = find(number, config, model)
    if run is None:
        return None
    system = [name for name in run.data.metrics if name.startswith("system/")]
    points = MlflowClient().get_metric_history(run.info.run_id, system[0]) if system else []
    return There(run, max(points, key=lambda point: point.step, default=None))


def continued(spooled: spool.Spooled, there: There | None, noted: dict[str, Any]) -> "Run | None":
    """Make a run in the spool that continues one of the server.

    Args:
        spooled: place of the new run.
        there: the run of the server, if that answers.
        noted: what is noted of it otherwise; empty if nothing is.

    Returns:
        The new run; None if there is none to continue.
    """
    client = spooled.client()
    if there:
        spooled.write(run=there.run.info.run_id)
        made = client.create_run(spooled.experiment, run_name=there.run.info.run_name)
        if there.last:
            client.log_batch(made.info.run_id, [there.last])
        return made
    if noted.get("run"):
        spooled.write(run=noted["run"])
        return client.create_run(spooled.experiment, run_name=noted["next"]["title"])
    return None
