"""The layout stays one that a person reads in one sitting: few modules at the door, short files."""

import ast

import pytest

from pipeline.paths import ROOT

DOOR, LINES, FUNCTION_LINES, LOCALS = 21, 250, 60, 20
FILES = sorted((ROOT / "pipeline").rglob("*.py"))


def test_at_the_door_are_at_most_21_modules():
    assert len(list((ROOT / "pipeline").glob("*.py"))) <= DOOR


def names(function):
    """The local variables of a function, its arguments and comprehensions left out."""
    inner = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    found, todo = set(), list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, inner):
            todo += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_LINES, node.name
            assert len(names(node)) <= LOCALS, node.name
