"""Whether a training survives the death of its tracking server, and what that costs in time.

``python -m benchmarks.tracking`` runs train and evaluate on generated ratings many times. In every
second one the server is killed, each time at another moment; afterwards it is started again, and
``python -m pipeline.send`` sends what is left. ``--moments`` and ``--settings`` choose fewer and
smaller ones.

The results go to benchmarks/results/tracking.json, and from there to a sentence in
docs/benchmarks.md; ``--readme`` only rewrites the document.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import arguments, readme
from benchmarks.process import PATIENCE, machine, measured
from pipeline.compose import compose
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json

MOMENTS = 20
STAGES = ("pipeline.train", "pipeline.evaluate")
START = 4.0  # seconds from the start of train to the opening of its run


class Server:
    """``mlflow server`` on a port of its own, which can be killed and started again.

    Args:
        folder: where it keeps runs and artifacts.
    """

    def __init__(self, folder: Path) -> None:
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.folder, self.address = folder, f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            UserError: it does not.
        """
        stores = {"backend-store-uri": "sqlite:///runs.db", "artifacts-destination": "artifacts"}
        words = [word for name, value in stores.items() for word in (f"--{name}", value)]
        command = [sys.executable, "-m", "mlflow", "server", "--port", self.port, *words]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/health", timeout=5)
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise UserError(f"mlflow server does not answer; see {self.folder / 'log'}.")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it and its workers, as an outage would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def logged(work: Path, address: str, digest: str) -> dict[str, Any]:
    """Return what the newest run of a model has: all that must be the same after an outage.

    Args:
        work: folder that the stages run in.
        address: of the server.
        digest: of the model, by its tag.
    """
    from mlflow import MlflowClient

    client = MlflowClient(address)
    place = client.get_experiment_by_name("anime-ratings").experiment_id
    run = client.search_runs([place], f"tags.model_digest = '{digest}'", max_results=1)[0]
    own = [name for name in run.data.metrics if not name.startswith("system/")]
    models = [client.get_logged_model(one.model_id) for one in run.outputs.model_outputs]
    files = client.list_artifacts(run.info.run_id)
    return {
        "status": run.info.status,
        "metrics": {
            name: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, name)]
            for name in sorted(own)
        },
        "params": run.data.params,
        "tags": sorted(name for name in run.data.tags if name != "spool"),
        "inputs": len(run.inputs.dataset_inputs),
        "artifacts": sorted((file.path, file.is_dir) for file in files),
        "models": [(model.name, str(model.status)) for model in models],
        "figures": json.loads((work / "metrics" / "evaluate.json").read_text(encoding="utf-8")),
    }


def worked(work: Path) -> float:
    """Run train and evaluate; return the seconds that both took."""
    return sum(measured(stage, cwd=work).seconds for stage in STAGES)


def killing(server: Server, work: Path, after: float) -> threading.Thread:
    """Start to wait until a run has been opened, and then kill the server.

    Args:
        server: the server.
        work: folder that the stages run in.
        after: seconds from the opening of the run to the end of the server.
    """

    def wait() -> None:
        while not list((work / ".dvc" / "tmp" / "spool").glob("*/note.json")):
            time.sleep(0.05)
        time.sleep(after)
        server.kill()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def rounds(work: Path, server: Server, moments: int) -> list[dict[str, Any]]:
    """Run the stages without and with the death of the server, in turns.

    Returns:
        For each moment: ``after`` how many seconds from the opening of the run the server was
        killed, the ``seconds`` of an ``unbroken`` pair of stages and of the ``broken`` one, and
        whether the latter's run was ``same`` in the end.
    """
    from mlflow import MlflowClient

    from pipeline.artifact.folder import model_digest

    worked(work)  # creates the spool's empty store, and warms the page cache
    found: list[dict[str, Any]] = []
    for number in range(moments):
        unbroken = worked(work)
        expected = logged(work, server.address, model_digest(work / "models" / "trained"))
        span = min([unbroken, *(one["unbroken"] for one in found)]) - START
        after = round((number + 0.5) / moments * span, 1)
        killer = killing(server, work, after)
        broken = worked(work)
        killer.join()
        server.start()
        measured("pipeline.send", cwd=work)
        same = expected == logged(work, server.address, model_digest(work / "models" / "trained"))
        client = MlflowClient(server.address)
        place = client.get_experiment_by_name("anime-ratings").experiment_id
        single = len(client.search_runs([place])) == 3 + 2 * number
        seconds = {"unbroken": round(unbroken, 2), "broken": round(broken, 2)}
        found.append({"after": after, "same": same and single} | seconds)
        print(found[-1], flush=True)
    return found


def table(results: dict[str, Any]) -> str:
    """Format the results as a sentence."""
    found = results["rounds"]
    same = sum(one["same"] for one in found)
    share = sum(one["broken"] for one in found) / sum(one["unbroken"] for one in found)
    seconds = median(one["unbroken"] for one in found)
    return (
        f"The server was killed at {len(found)} moments of train and evaluate, which take "
        f"{seconds:.0f} s. {same} of {len(found)} runs were whole on it afterwards, with the same "
        f"metrics, params, artifacts and model as those of an unbroken run. The time of the stages "
        f"changed by {share - 1:+.1%}. "
        f"{readme.machine(results['machine'])}"
    )


def main() -> None:
    """Run the stages, write the results, rewrite the document."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--moments", type=int, default=MOMENTS, help="how often the server dies")
    parser.add_argument("--settings", nargs="*", default=[], help="Hydra overrides")
    options = parser.parse_args()
    if not options.readme:
        with tempfile.TemporaryDirectory(prefix="tracking-") as folder:
            work = Path(folder)
            (work / "params.yaml").write_text(compose(options.settings), encoding="utf-8")
            for stage in ("download", "clean", "features"):
                measured(f"pipeline.{stage}", cwd=work)
            (work / "server").mkdir()
            server = Server(work / "server")
            os.environ |= {"DVC_ROOT": folder, "MLFLOW_TRACKING_URI": server.address}
            server.start()
            try:
                found = rounds(work, server, options.moments)
            finally:
                server.kill()
        replace_json(readme.results("tracking"), {"machine": machine(), "rounds": found})
    readme.rewrite("tracking", table)


if __name__ == "__main__":
    exit_on_user_error(main)
