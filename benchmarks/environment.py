"""The Python environment of the peers: created once from pinned requirements, and cached."""

import hashlib
import subprocess
import sys
from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import replacing

REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"


def environment(cache: Path) -> Path:
    """Return the Python of the environment, which is created again when the requirements change.

    Raises:
        UserError: the packages cannot be installed.
    """
    pinned = REQUIREMENTS.read_bytes() + sys.version.encode()
    folder = cache / f"peers-{hashlib.sha256(pinned).hexdigest()[:12]}"
    if not folder.exists():  # complete if it exists
        print(f"installing the peers into {folder}, 3 GB, a few minutes", flush=True)
        with replacing(folder) as new:
            install = ("-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS))
            for command in (
                (sys.executable, "-m", "venv", str(new)),
                (str(new / "bin" / "python"), *install),
            ):
                if subprocess.run(command, check=False).returncode:
                    raise UserError("the peers' environment cannot be made; see above.")
    return folder / "bin" / "python"
