"""OmegaConf resolvers of conf/, registered at import.

DVC composes conf/ in its own process; it imports this module by ``hydra.plugins_path`` in
.dvc/config.
"""

from pathlib import Path

from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parents[3]


def from_root(*paths: str | None) -> str:
    """Return the first path that is not None, resolved from the root of the repository.

    Raises:
        ValueError: none is set.
    """
    path = next((path for path in paths if path is not None), None)
    if path is None:
        raise ValueError("dataset.path is not set; add dataset.path=DIR to the overrides")
    return str((ROOT / Path(path).expanduser()).resolve())


def from_root_or(path: str | None, otherwise: str) -> str:
    """Return ``from_root(path)``, or ``otherwise`` unchanged if ``path`` is None."""
    return otherwise if path is None else from_root(path)


def from_root_with(path: str | None, *others: str | None) -> str:
    """Return ``from_root(path)``; or its folder, if that has the ``others`` that are not None.

    Raises:
        ValueError: ``path`` is None, or one of the others is not in its folder.
    """
    file = from_root(path)
    beside = [from_root(other) for other in others if other is not None]
    folder = Path(file).parent
    for other in beside:
        if not Path(other).is_relative_to(folder):
            raise ValueError(
                f"{other} is not in {folder}, the folder of dataset.path; put it there"
            )
    return str(folder) if beside else file


OmegaConf.register_new_resolver("from_root_with", from_root_with, replace=True)
OmegaConf.register_new_resolver("from_root_or", from_root_or, replace=True)
OmegaConf.register_new_resolver("from_root", from_root, replace=True)
