"""Cache of the outputs of the stages before train, for the jobs of sweeps.

Jobs of a sweep over ``features.*`` or ``dataset.*`` need different tables, and must not replace
those in the workspace. The key of a stage's outputs is a digest of everything that determines them:
the dependencies and params that dvc.yaml lists for the stage, and the key of the stage before.
"""

import hashlib
import shutil
from functools import cache
from importlib import import_module
from pathlib import Path

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.files import replacing, seals
from pipeline.paths import ROOT

STAGES = ("download", "clean", "features")
CACHE = Path(".dvc/cache/stages")
CODE = "pipeline/"  # dependencies below this folder are code


def code_digest(root: Path = ROOT) -> str:
    """Return the digest of the code that dvc.yaml lists as dependencies of the stages."""
    stages = OmegaConf.to_container(OmegaConf.load(root / "dvc.yaml"), resolve=False)
    assert isinstance(stages, dict)
    deps = {dep for stage in stages["stages"].values() for dep in stage["deps"]}
    code = sorted(dep for dep in deps if dep.startswith(CODE))
    text = "".join(f"{dep}\0{digest(root / dep)}\0" for dep in code)
    return hashlib.sha256(text.encode()).hexdigest()


def stage_keys(settings: DictConfig, root: Path = ROOT) -> dict[str, str]:
    """Return the cache key of each stage before train: a digest of what determines its outputs."""
    stages = OmegaConf.load(root / "dvc.yaml").stages
    keys, before = {}, ""
    for name in STAGES:
        stage = OmegaConf.merge(settings, stages[name])  # resolves ${…} in dependencies
        files = [root / dep for dep in stage.deps if not dep.startswith("data/")]
        params = {param: OmegaConf.select(stage, param) for param in stage.params}
        inputs = {"before": before, "params": params, "files": [digest(path) for path in files]}
        text = OmegaConf.to_yaml(inputs, resolve=True, sort_keys=True)
        keys[name] = before = hashlib.sha256(text.encode()).hexdigest()[:16]
    return keys


def provide(keys: dict[str, str], root: Path = ROOT) -> None:
    """Link the outputs of the stages before train into the working folder; run missing stages.

    Args:
        keys: ``stage_keys`` of the settings in the params.yaml of the working folder.
        root: the repository, whose cache is used.

    Raises:
        UserError: a stage cannot run on these settings.
    """
    stages = OmegaConf.load(root / "dvc.yaml").stages
    for name, key in keys.items():
        listed = [*stages[name].outs, *stages[name].get("metrics", [])]
        paths = [Path(out if isinstance(out, str) else next(iter(out))) for out in listed]
        entry = root / CACHE / name / key
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):  # another job may build the same entry
            if not usable(entry):
                import_module(f"pipeline.{name}").main()
                with replacing(entry) as folder:
                    for path in paths:
                        (folder / path).parent.mkdir(parents=True, exist_ok=True)
                        path.rename(folder / path)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(entry / path)


def usable(entry: Path) -> bool:
    """Whether an entry is there and whole; say so and remove it if it is damaged."""
    if not entry.exists():
        return False
    try:
        seals.check(entry)
    except UserError as error:
        print(f"{error} It is built again now.", flush=True)
        shutil.rmtree(entry)
        return False
    return True


def digest(path: Path) -> str:
    """Return the digest of a file, or of names and contents in a folder, without compiled code."""
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
    return seals.digest(file)
