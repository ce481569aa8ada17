"""Copy a run from the spool to the tracking server, as often as needed, also while it goes on.

It goes by what is there: what the server lacks is sent, under the server's own ids of the run and
of its models. Sending twice changes nothing: copies are found by their tag, MLflow's stores drop
equal metrics, and files replace themselves.
"""

from collections.abc import Iterable, Iterator
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import replacing_file
from pipeline.tracking import experiment, spool

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Metric, Run

METRICS, OTHERS = 1000, 100  # the most that MLflow takes in one request
RUN_TAG = f"tags.{spool.TAG} = "


class Mirror:
    """The copy of one run on a server.

    Args:
        spooled: the run, claimed by this process.
        server: address of the server.
    """

    def __init__(self, spooled: spool.Spooled, server: str) -> None:
        from mlflow import MlflowClient

        self.spooled, self.source, self.target = spooled, spooled.client(), MlflowClient(server)
        self._id = ""  # of the copy
        self._sent: set[Any] = set()  # what the server has confirmed
        self._values: dict[str, float] = {}  # last value of each metric when it was looked at

    def copy(self, ended: bool) -> str:
        """Send what the server lacks.

        Args:
            ended: whether nothing more will be logged to the run. Its end is sent last, so that a
                run that has ended on the server is complete there.

        Returns:
            The id of the run on the server; empty if there is none yet.
        """
        run = self.spooled.run()
        if run is None:
            return ""
        if not self._id:
            self._id = self._found(run) or self._created(run)
            self.spooled.write(run=self._id)
            if not ended:
                self.target.update_run(self._id, "RUNNING")
        self._send_values(run, ended)
        for some in self._new(run.inputs.dataset_inputs, OTHERS):
            self.target.log_inputs(self._id, datasets=some)
        self._send_files(run)
        for output in run.outputs.model_outputs:
            self._send_model(output.model_id, output.step)
        if ended:
            self._send_figures_of_models(run)
            self.target.set_terminated(self._id, run.info.status, run.info.end_time)
        return self._id

    def _found(self, run: "Run") -> str:
        """Return the id of the copy if an earlier attempt made it, whether or not it knew."""
        if known := self.spooled.note["run"]:
            return str(known)
        found = self.target.search_runs([self._experiment()], f"{RUN_TAG}'{self.spooled.name}'")
        return str(found[0].info.run_id) if found else ""

    def _created(self, run: "Run") -> str:
        tags = run.data.tags | {spool.TAG: self.spooled.name}
        few = dict(list(tags.items())[:OTHERS])
        name, start = run.info.run_name, run.info.start_time
        return str(self.target.create_run(self._experiment(), start, few, name).info.run_id)

    def _experiment(self) -> str:
        note = self.spooled.note
        return str(experiment.find(self.target, note["name"], note["number"]).experiment_id)

    def _send_values(self, run: "Run", ended: bool) -> None:
        """Send tags, params, and the points of metrics that have changed; in the end of all."""
        from mlflow.entities import Param, RunTag

        for some in self._new(starmap(RunTag, run.data.tags.items()), OTHERS):
            self.target.log_batch(self._id, tags=some)
        for some in self._new(starmap(Param, run.data.params.items()), OTHERS):
            self.target.log_batch(self._id, params=some)
        values = run.data.metrics
        changed = [name for name in values if ended or self._values.get(name) != values[name]]
        for some in self._new(self._points(run, changed), METRICS):
            self.target.log_batch(self._id, metrics=some)
        self._values = values

    def _points(self, run: "Run", names: Iterable[str]) -> Iterator["Metric"]:
        for name in names:
            yield from self.source.get_metric_history(run.info.run_id, name)

    def _new(self, entities: Iterable[Any], most: int) -> Iterator[list[Any]]:
        """Yield what the server has not confirmed in lists; what was yielded, it has."""
        new = {repr(entity): entity for entity in entities}
        left = [key for key in new if key not in self._sent]
        for start in range(0, len(left), most):
            keys = left[start : start + most]
            yield [new[key] for key in keys]
            self._sent.update(keys)

    def _send_files(self, run: "Run") -> None:
        """Send the artifacts that are new, or have changed since they were sent."""
        root = self.spooled.artifacts / run.info.run_id / "artifacts"
        for path in sorted(root.rglob("*")):
            stat = path.stat()
            key = str(path), stat.st_size, stat.st_mtime_ns
            if path.is_file() and key not in self._sent:
                folder = path.parent.relative_to(root).as_posix()
                self.target.log_artifact(self._id, str(path), None if folder == "." else folder)
                self._sent.add(key)

    def _send_model(self, model_id: str, step: int) -> None:
        """Send a model that the run has logged, once it is whole."""
        from mlflow.entities import LoggedModelOutput

        model = self.source.get_logged_model(model_id)
        if model.status != "READY" or model_id in self._sent:
            return
        copy = self._copy_of(model)
        folder = self.spooled.artifacts / "models" / model_id / "artifacts"
        self._rename(folder / "MLmodel", copy)
        self.target.log_model_artifacts(copy, str(folder))
        self.target.finalize_logged_model(copy, "READY")
        there = self.target.get_run(self._id).outputs.model_outputs
        if copy not in [output.model_id for output in there]:
            self.target.log_outputs(self._id, [LoggedModelOutput(copy, step)])
        self._sent.add(model_id)

    def _copy_of(self, model: "LoggedModel") -> str:
        """Return the id of a model's copy on the server, which is created if it is not there."""
        place = self._experiment()
        query = f"source_run_id = '{self._id}' AND name = '{model.name}'"
        if found := self.target.search_logged_models([place], query):
            return str(found[0].model_id)
        of_run: dict[str, Any] = {"source_run_id": self._id, "model_type": model.model_type}
        made = self.target.create_logged_model(
            place, model.name, tags=model.tags, params=model.params, **of_run
        )
        return str(made.model_id)

    def _rename(self, path: Path, model_id: str) -> None:
        """Give the description of a model the server's ids; where it is served, they count."""
        from mlflow.models import Model

        model, artifacts = (
            Model.load(path),
            self.target.get_logged_model(model_id).artifact_location,
        )
        model.run_id, model.model_id, model.model_uuid = self._id, model_id, model_id
        model.artifact_path = artifacts
        with replacing_file(path) as new:
            model.save(new)

    def _send_figures_of_models(self, run: "Run") -> None:
        """Send the metrics of the step of a model as the model's too, as MLflow logs them."""
        from mlflow.entities import Metric

        for output in self.target.get_run(self._id).outputs.model_outputs:
            points = [p for p in self._points(run, run.data.metrics) if p.step == output.step]
            named = {"model_id": output.model_id, "run_id": self._id}
            for some in self._new((Metric(**dict(p) | named) for p in points), METRICS):
                self.target.log_batch(self._id, metrics=some)
