"""What a run that was killed goes on from: the state of its chain, and the draws it has kept."""

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
    """A folder of draws, and beside them the state of the chain after its last sweep.

    Args:
        folder: its place; another run's leftovers there are removed.
        identity: what decides whether a state is of this run: settings, digests of the rows.
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
        """Set the variables of chain ``place`` to where they were.

        Returns:
            How many of its sweeps are done. Of a chain that is done the variables are let be: those
            that go on from chain to chain are set when the one that was at work is restored.
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
        """Save the state after a sweep, in one step."""
        arrays = {f"variable/{i}": variable.numpy() for i, variable in enumerate(variables)}
        self._write(STATE, arrays | {"place": place, "step": step})

    def keep(self, place: int, step: int, arrays: dict[str, Array]) -> None:
        """Keep a draw."""
        self._write(f"draw-{place:02}-{step:06}.npz", arrays)

    def kept(self) -> list[dict[str, Array]]:
        """Return all draws, in the order of their chains and sweeps."""
        found = []
        for path in sorted(self.folder.glob("draw-*.npz")):
            with np.load(path) as file:
                found.append(dict(file))
        return found

    def remove(self) -> None:
        """Forget everything, once the model is saved."""
        shutil.rmtree(self.folder)

    def _write(self, name: str, arrays: dict[str, Any]) -> None:
        new = self.folder / f".{name}"
        with new.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(new, self.folder / name)  # noqa: PTH105
