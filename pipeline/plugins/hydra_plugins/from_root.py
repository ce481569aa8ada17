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


OmegaConf.register_new_resolver("from_root_or", from_root_or, replace=True)
OmegaConf.register_new_resolver("from_root", from_root, replace=True)
