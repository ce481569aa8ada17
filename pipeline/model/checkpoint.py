"""Checkpoint from which a killed run resumes: of the network, or of the posterior's chains."""

import hashlib
import json
import os
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.paths import ROOT

STATE = "state.npz"
DAMAGE = (  # what reading a damaged file raises
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error, struct.error,
)  # fmt: skip


class Checkpoint:
    """A folder with the state after the last sweep of a chain, or the last epoch of the network.

    It also has what is kept of earlier steps: draws, or points of the learning curve. The argument
    ``place`` of the methods is the chain's index in ``posterior.members``, 0 for the network.

    Args:
        folder: parent of the checkpoint; checkpoints with another identity in it are removed, and
            one with a file that is damaged, missing or of another.
        identity: all that determines the draws, such as settings and digests of the tables; the
            code is added. A run resumes only from a checkpoint with the same identity.
    """

    def __init__(self, folder: Path, identity: Any) -> None:
        text = json.dumps([identity, code_digest()], sort_keys=True, default=str)
        self.name = hashlib.sha256(text.encode()).hexdigest()
        self.folder = folder / self.name
        for other in folder.glob("*"):
            if other != self.folder:
                shutil.rmtree(other)
        try:
            self._check()
        except DAMAGE as error:
            print(f"{self.folder} is damaged ({error}); training begins anew.", flush=True)
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def restore(self, place: int, variables: list[tf.Variable], sweeps: int) -> int:
        """Restore the variables of a chain.

        A finished chain is not restored: the variables that all chains share come back with the
        interrupted one.

        Args:
            place: index of the chain.
            variables: the variables of ``save``, in the same order.
            sweeps: number of sweeps of a finished chain.

        Returns:
            Number of sweeps that the chain has finished.
        """
        if not (self.folder / STATE).exists():
            return 0
        state = self._read(STATE)
        if int(state["place"]) != place:
            return sweeps if int(state["place"]) > place else 0
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable/{i}"])
        return int(state["step"])

    def save(self, place: int, step: int, variables: list[tf.Variable]) -> None:
        """Save the state after sweep ``step``; the previous state is replaced in one step."""
        arrays: dict[str, Any] = {f"variable/{i}": v.numpy() for i, v in enumerate(variables)}
        kept = np.array(self._names(), str)
        self._write(STATE, arrays | {"place": place, "step": step, "kept": kept})

    def keep(self, place: int, step: int, arrays: dict[str, Array]) -> None:
        """Save the draw of sweep ``step``."""
        self._write(f"draw-{place:02}-{step:06}.npz", arrays)

    def kept(self) -> list[dict[str, Array]]:
        """Return the saved draws, ordered by chain, then sweep."""
        kept = [self._read(name) for name in self._names()]
        return [{n: array for n, array in draw.items() if n != "identity"} for draw in kept]

    def remove(self) -> None:
        """Delete the checkpoint; call this once the model is saved."""
        shutil.rmtree(self.folder)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("draw-*.npz"))

    def _check(self) -> None:
        """Check the state and what was kept by then: checksums tell damage, names a file's origin.

        Raises:
            one of DAMAGE: a file cannot be used.
        """
        there = (self.folder / STATE).exists()
        names = [STATE, *self._read(STATE)["kept"].tolist()] if there else []
        for later in set(self._names()).difference(names):  # of a step that was killed
            (self.folder / later).unlink()
        for name in names:
            with zipfile.ZipFile(self.folder / name) as file:
                damaged = file.testzip()
            if damaged or str(self._read(name)["identity"]) != f"{self.name}/{name}":
                raise ValueError(f"{name} is not as it was written")

    def _read(self, name: str) -> dict[str, Array]:
        with np.load(self.folder / name) as file:
            return dict(file)

    def _write(self, name: str, arrays: dict[str, Any]) -> None:
        incomplete = self.folder / f".{name}"
        with incomplete.open("wb") as file:
            np.savez(file, identity=np.array(f"{self.name}/{name}"), **arrays)
        # Not flushed to the disk, which would take longer than many a sweep: see __init__.
        os.replace(incomplete, self.folder / name)  # noqa: PTH105


def code_digest() -> str:
    """Return a digest of the code and of the libraries that compute the states."""
    total = hashlib.sha256(f"{tf.__version__} {np.__version__}".encode())
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
