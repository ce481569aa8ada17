"""Checkpoint from which a killed run resumes: of the network, or of the posterior's chains.

Each worker writes what it has of it, so that as many workers as one likes can resume. They share
the folder.
"""

import hashlib
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.shard import Part
from pipeline.model.workers import Workers
from pipeline.paths import ROOT

DAMAGE = (  # what reading a damaged file raises
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error, struct.error,
)  # fmt: skip
NAME = re.compile(r"(state|draw)-(\d+)-(\d+)-(\d+)-of-(\d+)\.npz")


class State(NamedTuple):
    """All that determines the rest of a training.

    Attributes:
        shared: variables that are the same on all workers.
        own: variables with a worker's part of the rows of a table, and which part; rows beyond
            the part are not saved.
    """

    shared: list[tf.Variable]
    own: list[tuple[tf.Variable, Part]]


class File(NamedTuple):
    """A file of a checkpoint: what one of ``number`` workers saved after a step."""

    kind: str
    place: int
    step: int
    rank: int
    number: int

    @property
    def name(self) -> str:
        """Its name."""
        kind, place, step, rank, number = self
        return f"{kind}-{place:02}-{step:06}-{rank:04}-of-{number:04}.npz"

    @property
    def all(self) -> "list[File]":
        """The files of all workers."""
        return [self._replace(rank=rank) for rank in range(self.number)]


class Checkpoint:
    """A folder with the state after the last sweep of a chain, or the last epoch of the network.

    It also has what is kept of earlier steps: draws, or points of the learning curve. The argument
    ``place`` of the methods is the chain's index in ``posterior.members``, 0 for the network.

    Args:
        folder: parent of the checkpoint; checkpoints with another identity in it are removed, and
            one with a file that is damaged, missing or of another.
        identity: all that determines the draws, such as settings and digests of the tables; the
            code is added. A run resumes only from a checkpoint with the same identity.
        workers: the workers, who have the same identity; None for one.

    Raises:
        UserError: the workers have not the same settings, tables or code.
    """

    def __init__(self, folder: Path, identity: Any, workers: Workers | None = None) -> None:
        text = json.dumps([identity, code_digest()], sort_keys=True, default=str)
        self.workers = workers or Workers()
        self.workers.agree(text, "settings, tables or code")
        self.name = hashlib.sha256(text.encode()).hexdigest()
        self.folder = folder / self.name
        if self.workers.chief:
            self._tidy(folder)
        self.workers.wait()
        self.latest = self._latest()

    def restore(self, place: int, state: State, sweeps: int) -> int:
        """Restore the variables of a chain.

        A finished chain is not restored: the variables that all chains share come back with the
        interrupted one.

        Args:
            place: index of the chain.
            state: the variables of ``save``, in the same order.
            sweeps: number of sweeps of a finished chain.

        Returns:
            Number of sweeps that the chain has finished.
        """
        if self.latest is None:
            return 0
        if self.latest.place != place:
            return sweeps if self.latest.place > place else 0
        names = [f"shared/{i}" for i in range(len(state.shared))]
        saved = self._read(self.latest.name, *names)
        for name, variable in zip(names, state.shared, strict=True):
            variable.assign(saved[name])
        for i, (variable, part) in enumerate(state.own):
            rows = self._rows(self.latest, f"own/{i}", part)
            rest = variable.shape[0] - part.size
            variable.assign(np.pad(rows, [(0, rest), *[(0, 0)] * (rows.ndim - 1)]))
        return self.latest.step

    def save(self, place: int, step: int, state: State) -> None:
        """Save the state after sweep ``step``; the previous state is replaced in one step."""
        own = {f"{i}": v.numpy()[: part.size] for i, (v, part) in enumerate(state.own)}
        shared = {f"{i}": v.numpy() for i, v in enumerate(state.shared)}
        shared["kept"] = np.array(sorted({self._step(file) for file in self._files("draw")}), str)
        self._write(self._file("state", place, step), shared, own)
        if self.workers.chief and (latest := self._latest()):
            for file in self._files("state"):
                if file[1:3] < latest[1:3]:
                    (self.folder / file.name).unlink()

    def keep(
        self, place: int, step: int, shared: dict[str, Array], own: dict[str, Array] | None = None
    ) -> None:
        """Save the draw of sweep ``step``: what all workers share, and the rows of this one."""
        self._write(self._file("draw", place, step), shared, own or {})

    def kept(self, *places: int) -> list[dict[str, Array]]:
        """Return the draws that all workers have saved, ordered by chain, then sweep.

        Args:
            places: indices of the chains; the other workers must have saved all draws of these.
        """
        files = [file for file in self._files("draw") if file.rank == 0]
        return [self._draw(file) for file in files if file.place in places]

    def remove(self) -> None:
        """Delete the checkpoint; call this once the model is saved."""
        shutil.rmtree(self.folder)

    def _draw(self, file: File) -> dict[str, Array]:
        """Return a draw: what the workers share, and the rows of all."""
        parts = [self._read(each.name) for each in file.all]
        names = [name.partition("/") for name in parts[0]]
        return {
            name: parts[0][f"{kind}/{name}"]
            if kind == "shared"
            else np.concatenate([part[f"{kind}/{name}"] for part in parts])
            for kind, _, name in names
            if name
        }

    def _rows(self, file: File, name: str, part: Part) -> Array:
        """Return some rows of what all workers saved by a name."""
        found, first = list[Array](), 0
        for each in file.all:
            if first < part.end:
                rows = self._read(each.name, name)[name]
                found.append(rows[max(part.start - first, 0) : max(part.end - first, 0)])
                first += len(rows)
        return np.concatenate(found)

    def _tidy(self, folder: Path) -> None:
        """Remove checkpoints that cannot be used, and what a killed step left of this one."""
        for other in folder.glob("*"):
            if other != self.folder:
                shutil.rmtree(other)
        try:
            self._check()
        except DAMAGE as error:
            print(f"{self.folder} is damaged ({error}); training begins anew.", flush=True)
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def _check(self) -> None:
        """Check the state and what was kept by then: checksums tell damage, names a file's origin.

        Raises:
            one of DAMAGE: a file cannot be used.
        """
        latest = self._latest()
        needed = set(latest.all if latest else [])
        if latest:
            kept = set(self._read(latest.name, "shared/kept")["shared/kept"].tolist())
            draws = [file for file in self._files("draw") if self._step(file) in kept]
            if missing := kept.difference(map(self._step, draws)):
                raise ValueError(f"{min(missing)} is missing")
            needed |= {each for file in draws for each in file.all}
        for file in self._files("draw") + self._files("state"):  # of a step that was killed
            if file not in needed:
                (self.folder / file.name).unlink()
        for name in sorted(file.name for file in needed):
            with zipfile.ZipFile(self.folder / name) as archive:
                damaged = archive.testzip()
            if damaged or str(self._read(name, "identity")["identity"]) != f"{self.name}/{name}":
                raise ValueError(f"{name} is not as it was written")

    def _latest(self) -> File | None:
        """Return the chief's file of the last state that all workers saved; None without one."""
        files = self._files("state")
        whole = [file for file in files if file.rank == 0 and set(file.all) <= set(files)]
        return max(whole, key=lambda file: (file.place, file.step), default=None)

    def _files(self, kind: str) -> list[File]:
        found = sorted(path.name for path in self.folder.glob(f"{kind}-*.npz"))
        matches = [match for name in found if (match := NAME.fullmatch(name))]
        return [File(match[1], *map(int, match.groups()[1:])) for match in matches]

    def _file(self, kind: str, place: int, step: int) -> File:
        return File(kind, place, step, self.workers.rank, self.workers.number)

    def _step(self, file: File) -> str:
        """Name a draw, of which each worker has a part."""
        return file.name.rpartition("-of-")[0][:-5]

    def _read(self, name: str, *arrays: str) -> dict[str, Array]:
        """Read the arrays of a file: these, or all."""
        with np.load(self.folder / name) as file:
            return {array: file[array] for array in arrays or file.files}

    def _write(self, file: File, shared: dict[str, Array], own: dict[str, Array]) -> None:
        incomplete = self.folder / f".{file.name}"
        arrays: dict[str, Any] = {f"shared/{name}": array for name, array in shared.items()}
        arrays |= {f"own/{name}": array for name, array in own.items()}
        if not self.workers.chief:
            arrays = {name: array for name, array in arrays.items() if name.startswith("own")}
        with incomplete.open("wb") as stream:
            np.savez(stream, identity=np.array(f"{self.name}/{file.name}"), **arrays)
        # Not flushed to the disk, which would take longer than many a sweep: see __init__.
        os.replace(incomplete, self.folder / file.name)  # noqa: PTH105


def code_digest() -> str:
    """Return a digest of the code and of the libraries that compute the states."""
    total = hashlib.sha256(f"{tf.__version__} {np.__version__}".encode())
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
