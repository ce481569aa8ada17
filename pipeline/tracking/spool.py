"""The spool: runs that are on their way to a tracking server, in .dvc/tmp/spool.

While the store is a server, a run is logged here, so that a training never waits for the network.
Each run has a folder: a SQLite store with this run alone, its artifacts, a note that says where it
goes, and a lock, held by the process that writes or sends the run. A run whose lock is free is
complete, or its process was killed. What has been sent is removed, but for the note of a run that
evaluate is to continue: it can do so while the server is away.
"""

import json
import shutil
import time
import uuid
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pipeline.files import replace_json
from pipeline.paths import home
from pipeline.tracking.address import sqlite

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEPT = 86400.0  # seconds that the note of a run is kept that was sent
TAG = "spool"  # of a run and of a model: the name of its folder, by which a server's copy is found


class Spooled:
    """A run in the spool.

    Args:
        folder: its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        self.uri, self.artifacts = sqlite(folder, "mlflow.db"), folder / "artifacts"
        self._note = folder / "note.json"
        self._lock = FileLock(folder / "lock", thread_local=False)
        self._writing = Lock()  # the stage and its sender write the note

    @property
    def note(self) -> dict[str, Any]:
        """Where the run goes.

        It has the ``server`` (without name and password), the ``name`` or ``number`` of the
        experiment there, the id of the ``run`` there once it is known, whether the user was
        ``told`` that the server does not answer, and ``since`` when it is here (seconds since
        1970). If evaluate is to continue it, ``next`` says by what it is found; ``sent`` is when
        such a run was sent. Empty if the run has been removed.
        """
        try:
            return json.loads(self._note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def write(self, **known: Any) -> None:
        """Add to the note."""
        with self._writing:
            replace_json(self._note, self.note | known)

    def tell(self) -> bool:
        """Note that the user is told of a server that is away; False if they were before."""
        with self._writing:
            if new := not self.note.get("told", True):
                replace_json(self._note, self.note | {"told": True})
            return new

    def claim(self, seconds: float = 0) -> bool:
        """Try to become the one who writes or sends this run; False if another is at it."""
        try:
            self._lock.acquire(timeout=seconds)
        except (Timeout, OSError):  # it may have been removed in this moment
            return False
        if self.note and not self.note.get("sent"):
            return True
        self.release()
        return False

    def release(self) -> None:
        """Let another process send this run."""
        self._lock.release()

    def remove(self) -> None:
        """Remove the run, which has been sent, or all but its note."""
        if self.note.get("next"):
            self.write(sent=time.time())
        else:
            self._note.unlink()  # so that a half-removed folder is no run any more
        shutil.rmtree(self.artifacts, ignore_errors=True)
        (self.folder / "mlflow.db").unlink(missing_ok=True)
        if not self.note:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.release()

    def client(self) -> "MlflowClient":
        """Return a client of its store."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    @property
    def experiment(self) -> str:
        """Id of the experiment in its store."""
        return str(self.client().get_experiment_by_name(self.note["name"]).experiment_id)

    def run(self) -> "Run | None":
        """Return the run; None if its process was killed before it opened it."""
        client = self.client()
        place = client.get_experiment_by_name(self.note["name"])
        found = client.search_runs([place.experiment_id]) if place else []
        return found[0] if found else None


def folder() -> Path:
    """Return the folder of all runs in the spool."""
    return home() / ".dvc" / "tmp" / "spool"


def create(server: str, name: str, number: str | None) -> Spooled:
    """Make room for a new run, claimed by this process.

    Args:
        server: the server it goes to, without name and password.
        name: name of the experiment there.
        number: its number there, if that is given instead.
    """
    template = _template()
    for old in map(Spooled, folder().glob("*/")):
        if old.note.get("sent", time.time()) < time.time() - KEPT:
            shutil.rmtree(old.folder, ignore_errors=True)
    spooled = Spooled(folder() / uuid.uuid4().hex)
    spooled.folder.mkdir()
    spooled._lock.acquire()
    spooled.write(server=server, name=name, number=number, run=None, told=False, since=time.time())
    shutil.copyfile(template, spooled.folder / "mlflow.db")
    spooled.client().create_experiment(name, artifact_location=spooled.artifacts.as_uri())
    return spooled


def _template() -> Path:
    """Return an empty store, which is copied for each run: MLflow takes seconds to create one."""
    import mlflow

    path = folder() / f"empty-{mlflow.__version__}.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.exists():
            new = path.with_name(f"new-{path.name}")
            new.unlink(missing_ok=True)
            mlflow.MlflowClient(sqlite(new.parent, new.name)).search_experiments()
            new.rename(path)
    return path


def noted(server: str | None = None) -> list[Spooled]:
    """Return what is noted of runs for a server, or for any; the oldest first."""
    notes = {run: run.note for run in map(Spooled, folder().glob("*/"))}
    old = time.time() - KEPT
    ours = [
        run
        for run, note in notes.items()
        if note and server in (None, note["server"]) and note.get("sent", old) >= old
    ]
    return sorted(ours, key=lambda run: notes[run]["since"])


def pending(server: str | None = None) -> list[Spooled]:
    """Return the runs that are on their way to a server, or to any; the oldest first."""
    return [run for run in noted(server) if not run.note.get("sent")]


def forget(server: str, run: str) -> None:
    """Remove the notes of a run that has been sent, as nothing continues it any more."""
    for other in noted(server):
        note = other.note
        if note.get("sent") and note["run"] == run:
            shutil.rmtree(other.folder, ignore_errors=True)
