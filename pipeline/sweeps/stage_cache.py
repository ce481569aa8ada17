"""Outputs of the stages before train, built once for each distinct configuration.

A sweep over ``features.*`` or ``dataset.*`` needs tables of its own for each job, and the tables in
data/ are the workspace's. So each stage's outputs are kept under a digest of everything that
determines them, beside DVC's own cache: the code and files that dvc.yaml lists as its dependencies,
the settings it lists as its params, and the digest of the stage before.
"""

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from pipeline.files import replacing
from pipeline.paths import ROOT
from pipeline.tracking.runs import digest as file_digest

STAGES = ("download", "clean", "features")
CACHE = Path(".dvc/cache/stages")
CODE = "pipeline/"  # dependencies in this folder are code


def code_digest(root: Path = ROOT) -> str:
    """Digest the code that the five stages depend on, as dvc.yaml lists it."""
    stages = OmegaConf.to_container(OmegaConf.load(root / "dvc.yaml"), resolve=False)
    assert isinstance(stages, dict)
    deps = {dep for stage in stages["stages"].values() for dep in stage["deps"]}
    code = sorted(dep for dep in deps if dep.startswith(CODE))
    text = "".join(f"{dep}\0{digest(root / dep)}\0" for dep in code)
    return hashlib.sha256(text.encode()).hexdigest()


def origins(settings: DictConfig, root: Path = ROOT) -> dict[str, str]:
    """Digest, for each stage, everything that determines its outputs."""
    stages = OmegaConf.load(root / "dvc.yaml").stages
    found, before = {}, ""
    for name in STAGES:
        stage = OmegaConf.merge(settings, stages[name])  # its dependencies refer to settings
        files = [root / dep for dep in stage.deps if not dep.startswith("data/")]
        params = {param: OmegaConf.select(stage, param) for param in stage.params}
        decides = {"before": before, "params": params, "files": [digest(path) for path in files]}
        text = OmegaConf.to_yaml(decides, resolve=True, sort_keys=True)
        found[name] = before = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def provide(known: dict[str, str], root: Path = ROOT) -> None:
    """Link the outputs of the stages before train into the working folder.

    Args:
        known: the ``origins`` of the settings in the params.yaml of the working folder.
        root: the repository; what its cache does not have is built.

    Raises:
        UserError: a stage cannot be run on these settings.
    """
    stages = OmegaConf.load(root / "dvc.yaml").stages
    for name, origin in known.items():
        listed = [*stages[name].outs, *stages[name].get("metrics", [])]
        paths = [Path(out if isinstance(out, str) else next(iter(out))) for out in listed]
        entry = root / CACHE / name / origin
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):  # another job may want the same
            if not entry.exists():
                import_module(f"pipeline.{name}").main()
                with replacing(entry) as folder:
                    for path in paths:
                        (folder / path).parent.mkdir(parents=True, exist_ok=True)
                        path.rename(folder / path)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(entry / path)


def digest(path: Path) -> str:
    """Digest a file, or the files of a folder and their names, without compiled code."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            stat = file.stat()
            content = _content(file, stat.st_mtime_ns, stat.st_size)
            total.update(f"{file.relative_to(path)}\0{content}\0".encode())
    return total.hexdigest()


@cache
def _content(file: Path, changed: int, size: int) -> str:
    return file_digest(file)
