"""Checkpoint from which a killed run resumes: of the network, or of the posterior's chains."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array

STATE = "state.npz"


class Checkpoint:
    """A folder with the state after the last sweep of a chain, or the last epoch of the network.

    It also has what is kept of earlier steps: draws, or points of the learning curve. The argument
    ``place`` of the methods is the chain's index in ``posterior.members``, 0 for the network.

    Args:
        folder: parent of the checkpoint; checkpoints with another identity in it are removed.
        identity: all that determines the draws, such as settings and digests of the tables. A run
            resumes only from a checkpoint with the same identity.
    """

    def __init__(self, folder: Path, identity: Any) -> None:
        text = json.dumps(identity, sort_keys=True, default=str)
        self.name = hashlib.sha256(text.encode()).hexdigest()
        self.folder = folder / self.name
        for other in folder.glob("*"):
            if other != self.folder:
                shutil.rmtree(other)
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
        path = self.folder / STATE
        if not path.exists():
            return 0
        with np.load(path) as file:
            state = dict(file)
        if int(state["place"]) != place:
            return sweeps if int(state["place"]) > place else 0
        for i, variable in enumerate(variables):
            variable.assign(state[f"variable/{i}"])
        return int(state["step"])

    def save(self, place: int, step: int, variables: list[tf.Variable]) -> None:
        """Save the state after sweep ``step``; the previous state is replaced in one step."""
        arrays = {f"variable/{i}": variable.numpy() for i, variable in enumerate(variables)}
        self._write(STATE, arrays | {"place": place, "step": step})

    def keep(self, place: int, step: int, arrays: dict[str, Array]) -> None:
        """Save the draw of sweep ``step``."""
        self._write(f"draw-{place:02}-{step:06}.npz", arrays)

    def kept(self) -> list[dict[str, Array]]:
        """Return the saved draws, ordered by chain, then sweep."""
        draws = []
        for path in sorted(self.folder.glob("draw-*.npz")):
            with np.load(path) as file:
                draws.append(dict(file))
        return draws

    def remove(self) -> None:
        """Delete the checkpoint; call this once the model is saved."""
        shutil.rmtree(self.folder)

    def _write(self, name: str, arrays: dict[str, Any]) -> None:
        incomplete = self.folder / f".{name}"
        with incomplete.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(incomplete, self.folder / name)  # noqa: PTH105
