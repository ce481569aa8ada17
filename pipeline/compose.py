"""Compose conf/ into params.yaml: ``python -m pipeline.compose [OVERRIDES]``."""

import sys

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import check
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_text
from pipeline.paths import PARAMS, ROOT
from pipeline.plugins.hydra_plugins import from_root  # noqa: F401 - registers the resolvers of conf/

PLUGINS = str(ROOT / "pipeline" / "plugins")
sys.path.append(PLUGINS)  # Hydra searches sys.path for hydra_plugins


def compose(overrides: list[str]) -> str:
    """Return the text of params.yaml for ``overrides``, the same bytes as ``dvc exp run`` writes.

    Raises:
        UserError: an override names a key or a choice that conf/ does not have.
    """
    try:
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            return OmegaConf.to_yaml(hydra_compose("config", overrides=overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"conf: {error}") from error


def main() -> None:
    """Write params.yaml from conf/ and the overrides on the command line."""
    text = compose(sys.argv[1:])
    check(OmegaConf.create(text))
    replace_text(PARAMS, text)


if __name__ == "__main__":
    exit_on_user_error(main)
