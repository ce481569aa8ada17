"""The documents are true: their examples run, their links and paths exist, their figures agree."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
DOCUMENTS = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ANY = "…"  # stands for any text in a line, alone on a line for any number of lines
NEAR = 0.006  # of numbers with a decimal point: they are rounded in the documents
EXAMPLES = {"conf/experiment/winner.yaml"}  # files that an example would write
NUMBER = r"[-+]?\d+\.\d+"


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str


def blocks(language):
    """All fenced blocks of a language."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(str(path.relative_to(ROOT)), line, match[1], match[2]))
    return [block for block in found if block.language == language]


def named(block):
    return f"{block.document}:{block.line}"


def prose(path):
    """The text of a document without its fenced blocks."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def steps(text):
    """Split a console block into commands, each with the lines of its output.

    A command goes on where a line ends with a backslash, and to the end of its here-document.
    """
    lines, found = text.splitlines(), []
    while lines:
        line = lines.pop(0)
        if not line.startswith("$ "):
            assert found, f"output before any command: {line}"
            found[-1][1].append(line)
            continue
        command = [line[2:]]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        if here := re.search(r"<<'?(\w+)'?", command[0]):
            while command[-1] != here[1]:
                command.append(lines.pop(0))
        found.append(("\n".join(command), []))
    return found


def plain(line):
    """Leave out what depends on the widths of columns."""
    return re.sub(r"([━─])\1+", r"\1", " ".join(line.split()))


def same_line(expected, actual):
    parts = re.split(f"({ANY}|{NUMBER})", plain(expected))
    pattern = "".join(
        ".*" if part == ANY else f"({NUMBER})" if i % 2 else re.escape(part)
        for i, part in enumerate(parts)
    )
    numbers = [float(part) for part in parts[1::2] if part != ANY]
    match = re.fullmatch(pattern, plain(actual))
    return match is not None and all(
        abs(float(given) - number) <= NEAR
        for given, number in zip(match.groups(), numbers, strict=True)
    )


def same(expected, actual):
    if not expected or not actual:
        return all(line.strip() == ANY for line in expected) and not actual
    if expected[0].strip() == ANY:
        return same(expected[1:], actual) or same(expected, actual[1:])
    return same_line(expected[0], actual[0]) and same(expected[1:], actual[1:])


def shell(command, cwd):
    """Run a command of a document as a reader would, in the environment of the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=clean | {"PATH": path, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def repro(clone):
    """A clone in which `dvc repro` has run on the committed settings."""
    done = shell("python -m dvc repro", clone)
    assert done.returncode == 0, done.stdout
    return clone


@pytest.fixture(scope="module")
def same_machine(repro):
    """Whether this is the kind of machine that the committed figures are from.

    There a fresh clone reproduces them to the byte. Another CPU gives another chain of the
    posterior, and so other titles and reasons in the examples.
    """
    return not shell("git status --porcelain metrics", repro).stdout


def test_outputs_are_compared_with_their_omissions_and_about_their_numbers():
    assert same(["a … d", ANY, "x 1.50"], ["a b  c d", "any", "more", "x 1.504"])
    assert same([ANY, "end"], ["end"])
    assert not same(["x 1.50"], ["x 1.52"])
    assert not same(["x 2"], ["x 3"])
    assert not same(["one", "two"], ["one"])
    assert not same(["one"], ["one", "two"])
    assert not same([], ["unexpected"])


def test_a_console_block_is_split_into_commands_and_their_outputs():
    text = "$ cat <<'END'\n$ no command\nEND\nout\n$ a \\\n  b\nmore\n\nlines\n"
    assert steps(text) == [
        ("cat <<'END'\n$ no command\nEND", ["out"]),
        ("a \\\n  b", ["more", "", "lines"]),
    ]


def test_the_committed_figures_are_those_of_a_fresh_clone(repro):
    committed = json.loads(shell("git show HEAD:metrics/evaluate.json", repro).stdout)
    figures = json.loads((repro / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
    for name in committed["ci95"]:
        assert figures[name] == pytest.approx(committed[name], abs=0.01), name
    for name, baseline in committed["baselines"].items():
        assert figures["baselines"][name]["mse"] == pytest.approx(baseline["mse"], abs=0.01), name


@pytest.mark.parametrize("block", blocks("console"), ids=named)
def test_console_examples_print_what_the_documents_show(block, repro, same_machine):
    for command, expected in steps(block.text):
        done = shell(command, repro)
        lines = done.stdout.rstrip().splitlines()
        shown = same(expected, lines) if same_machine else bool(lines) == bool(expected)
        assert shown, f"$ {command}\n{done.stdout}"
        refused = any(line.startswith("error:") for line in expected)
        assert (done.returncode != 0) == refused, f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("block", blocks("python"), ids=named)
def test_python_examples_compile(block):
    compile(block.text, named(block), "exec")


@pytest.mark.parametrize("block", blocks("yaml"), ids=named)
def test_yaml_examples_can_be_read(block):
    assert yaml.safe_load(block.text)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readme_takes_its_figures_from_the_benchmarks():
    measured = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    figures = re.findall(r"\b\d\.\d{3,4}\b", prose(README))
    assert figures
    for figure in figures:
        assert figure in measured, figure


def anchors(path):
    """The anchors of the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(path):
    text = prose(path)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if re.match(r"https?:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_paths_that_are_named_exist(path):
    text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"))
    found = re.findall(r"(?<![\w./-])(?:pipeline|conf|docs|tests|benchmarks)/[\w./-]*", text)
    names = {name.rstrip(".-") for name in found} - EXAMPLES
    real = {name for name in names if not re.search(r"\b(NAME|ANY)\b", name)}
    assert {name for name in real if not (ROOT / name).exists()} == set()


def test_the_architecture_names_every_room_and_every_module_at_the_door():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folder = ROOT / "pipeline"
    rooms = {
        f"pipeline/{path.name}" for path in folder.iterdir() if (path / "__init__.py").exists()
    }
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {room for room in rooms if f"**`{room}`**" not in text} == set()
    assert {module for module in modules if not re.search(rf"[`\w ]\b{module}\b", text)} == set()


def test_the_equations_are_numbered_from_1_to_18():
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    tags = [int(tag) for tag in re.findall(r"\\tag\{(\d+)\}", text)]
    headings = [int(number) for number in re.findall(r"^### \((\d+)\)", text, re.MULTILINE)]
    assert tags == headings == list(range(1, 19))
