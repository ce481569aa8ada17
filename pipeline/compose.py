"""Compose conf/ into params.yaml: ``python -m pipeline.compose [OVERRIDES]``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import check
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import PARAMS, ROOT
from pipeline.plugins.hydra_plugins import from_root  # noqa: F401 - registers the resolvers of conf/

PLUGINS = str(ROOT / "pipeline" / "plugins")
sys.path.append(PLUGINS)  # Hydra searches sys.path for hydra_plugins


def compose(overrides: Sequence[str], more: Path | None = None) -> str:
    """Return the text of params.yaml for ``overrides``, the same bytes as ``dvc exp run`` writes.

    Args:
        overrides: Hydra overrides.
        more: a folder with further choices, laid out as conf/.

    Raises:
        UserError: an override names a key or a choice that conf/ does not have, or is none.
    """
    words = [*overrides, *([f"hydra.searchpath=['file://{more}']"] if more else [])]
    try:
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            return OmegaConf.to_yaml(hydra_compose("config", overrides=words), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"conf: {error}") from error
    except ValueError as error:  # a group that is set to a number or to null
        raise UserError(
            f"conf: {error}; a group takes the name of a file in its folder."
        ) from error


def main() -> None:
    """Write params.yaml from conf/ and the overrides on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.compose", description=__doc__)
    parser.add_argument("overrides", nargs="*", help="Hydra overrides, such as train.epochs=5")
    text = compose(parser.parse_args().overrides)
    check(OmegaConf.create(text))
    with destination(PARAMS) as new:
        new.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    exit_on_user_error(main)
