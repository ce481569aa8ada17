"""What imports what: dvc.yaml lists what can change outputs; late imports are of slow modules.

The layers of the rooms are contracts in pyproject.toml, which `make test` checks by lint-imports.
"""

import ast
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest
import yaml

from pipeline.paths import ROOT
from pipeline.sweeps.stage_cache import code_digest

STAGES = ("download", "clean", "features", "train", "evaluate")
NEUTRAL = {  # modules that cannot change what a stage writes, and why
    "pipeline.config": "checks the params that dvc.yaml lists",
    "pipeline.settings": "the same",
    "pipeline.paths": "names outputs and folders, which dvc.yaml names too",
    "pipeline.errors": "reports mistakes",
    "pipeline.files.stage": "waits for other stages, and reports how one ends",
    "pipeline.tracking": "reports to MLflow",
}
SLOW = {
    "alembic", "cornac", "ibis", "kagglehub", "keras", "mlflow", "numpy", "optuna", "pandas",
    "pooch", "pyarrow", "pytrec_eval", "requests", "rich", "sklearn", "sqlalchemy", "tensorflow",
}  # fmt: skip
GRAPH = grimp.build_graph("pipeline", cache_dir=None)


def path_of(module):
    """The file of a module, from the root of the repository."""
    path = Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def neutral(module):
    """Whether a module cannot change an output: a reason is known, or it is only a docstring."""
    known = any(module == name or module.startswith(f"{name}.") for name in NEUTRAL)
    return known or len(ast.parse((ROOT / path_of(module)).read_text()).body) <= 1


def imported(stage):
    """The modules that a stage reaches by imports that do not go through a neutral module."""
    found, todo = set(), [f"pipeline.{stage}"]
    if stage == "download":  # sources are loaded by name
        todo += [module for module in GRAPH.modules if module.startswith("pipeline.sources")]
    while todo:
        module = todo.pop()
        if module not in found and not neutral(module):
            found.add(module)
            todo += GRAPH.find_modules_directly_imported_by(module)
            todo += [parent for parent in [module.rpartition(".")[0]] if parent in GRAPH.modules]
    return {str(path_of(module)) for module in found}


def listed(stage):
    """The modules that dvc.yaml lists as dependencies of a stage, those of folders one by one."""
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    code = [ROOT / dep for dep in deps if dep.startswith("pipeline/")]
    files = [file for dep in code for file in (dep.rglob("*.py") if dep.is_dir() else [dep])]
    modules = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    modules = {module.removesuffix(".__init__") for module in modules}
    return {str(path_of(module)) for module in modules if not neutral(module)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_modules_that_can_change_its_output_and_on_no_other(stage):
    assert listed(stage) == imported(stage)


def test_what_only_answers_people_is_no_dependency_of_any_stage():
    of_stages = set.union(*map(listed, STAGES))
    for name in ("recommend", "predict", "app", "recommender/serving", "recommender/fold_in"):
        assert f"pipeline/{name}.py" not in of_stages
    assert not [path for path in of_stages if path.startswith("pipeline/sweeps")]


def test_a_half_done_sweep_goes_on_unless_the_code_of_a_stage_changed(clone):
    before = code_digest(clone)
    (clone / "pipeline" / "app.py").write_text("# another page\n")
    assert code_digest(clone) == before
    path = clone / "pipeline" / "model" / "network" / "wide.py"
    path.write_text(path.read_text() + "# another model\n")
    assert code_digest(clone) != before


@cache
def loads(module):
    """The packages that come with importing a module, by imports outside of functions."""
    tree, found = ast.parse((ROOT / path_of(module)).read_text()), set()
    for node in module_level(tree):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names] + [node.module]
        for name in names:
            inside = name.startswith("pipeline.") and name in GRAPH.modules and name != module
            found |= loads(name) if inside else {name.split(".")[0]}
    return found


def module_level(tree):
    """The import statements outside of functions and of ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try):
            yield from module_level(node)


def late(module):
    """The modules that are imported inside functions of a module."""
    tree = ast.parse((ROOT / path_of(module)).read_text())
    functions = (f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef))
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from [name for name in names if name in GRAPH.modules] or [node.module]


@pytest.mark.parametrize("module", sorted(GRAPH.modules))
def test_an_import_inside_a_function_is_of_what_takes_long_to_load(module):
    for name in late(module):
        package = {name.split(".")[0]} if name not in GRAPH.modules else loads(name)
        assert package & SLOW, f"{name} loads in no time"


def test_the_exceptions_of_this_file_exist():
    assert {name for name in NEUTRAL if name in GRAPH.modules} == set(NEUTRAL)
    assert not SLOW & set(sys.stdlib_module_names)
