"""What enters the repository: no secrets, and no package whose bytes are not pinned."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from helpers.commands import run
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.paths import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+).*((?:\n    --hash=sha256:[0-9a-f]{64}.*)*)", re.M)


def locked(name):
    """The packages of a lock file: name, version and hashes; some have two, by Python's version."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = LOCKED.findall(text)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(found) == len(lines), "every line that begins at the margin is a package"
    return found


def direct(name):
    """The packages that a lock file says pyproject.toml itself asks for."""
    text, package = (ROOT / name).read_text(encoding="utf-8"), ""
    for line in text.splitlines():
        package = line.split("==")[0] if line[:1].isalpha() else package
        if "anime-ratings (pyproject.toml" in line:
            yield package


def asked(name):
    """The requirements in pyproject.toml that a lock file answers."""
    lists = [PROJECT["project"]["dependencies"]]
    if name == "requirements-dev.lock":
        lists += [*PROJECT["project"]["optional-dependencies"].values()]
        lists += [PROJECT["dependency-groups"]["dev"]]
    return [Requirement(line) for lines in lists for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_of_a_lock_file_is_pinned_by_version_and_hash(name):
    assert [package for package, _, hashes in locked(name) if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_is_that_of_pyproject(name):
    wanted = {canonicalize_name(one.name): one.specifier for one in asked(name)}
    assert wanted.keys() == set(direct(name)), "run `make lock`"
    for package, version, _ in locked(name):
        if package in wanted:
            assert wanted[package].contains(version), f"{package}: run `make lock`"


def test_both_lock_files_have_the_same_versions():
    main, dev = ({line[:2] for line in locked(lock)} for lock in LOCKS)
    assert main <= dev


@pytest.fixture(scope="module")
def scan():
    """The command of the pre-commit hook that looks for secrets."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    [hook] = [hook for hook in hooks if hook["id"] == "secrets"]
    program, *options = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / Path(program).name), *options]
    exclude = re.compile(hook["exclude"])
    return lambda *files, cwd: run(
        *command, *(file for file in files if not exclude.search(file)), cwd=cwd
    )


KEYS = {  # put together here, so that this file passes the scan itself
    "cloud": 'KEY = "AKIA' + 'Z7QK3M5XW2LPV6RD"',
    "git": 'TOKEN = "ghp_' + 'a8Fk2Lq9Zx7Vb3Nm5Rt1Yw6Pc4Hd0Js2Ge8U"',
    "ssh": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "address": "https://me:" + "hunter2@example.org/mlflow",
    "kaggle": '{"username": "me", "key": "' + '0fb3c1a9d27e4856b1c0de94f7a2385d"}',
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_in_a_file_is_found_before_the_commit(scan, tmp_path, kind):
    (tmp_path / "settings.txt").write_text(KEYS[kind] + "\n")
    found = scan("settings.txt", cwd=tmp_path)
    assert found.returncode == 1
    assert "settings.txt:1" in found.output


def test_no_key_is_in_the_repository(scan):
    files = run("git", "ls-files", cwd=ROOT).stdout.splitlines()
    found = scan(*files, cwd=ROOT)
    assert found.returncode == 0, found.output
