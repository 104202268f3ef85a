"""What keeps the code readable: names mean one thing, docstrings open with the field's term, public names resolve."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import thermoplan

PACKAGE = Path(thermoplan.__file__).parent
RIDDLES_LEFT = 32  # falls with every room that is rewritten, and goes at zero
RIDDLE = re.compile(r"(What|Where|How|Whether|Who|Whose|Why|When)\b")
# Names of modules that were given up, since they said nothing or something else.
GIVEN_UP = {
    *("stand", "team", "link", "half", "lanes", "principal", "made", "played", "hard", "finer", "warming", "reachable"),
    *("placing", "placement", "setup", "loop", "order", "beyond", "second", "interior", "aims", "knots", "pace"),
    *("forms", "answers", "fits", "spread", "focus", "measured", "weighted", "launched", "clad", "draft", "outline"),
    *("console", "search", "sar"),
}


@cache
def _trees() -> dict[str, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(file.relative_to(PACKAGE)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def test_no_two_classes_share_a_name():
    places = defaultdict(list)
    for file, tree in _trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_module_has_a_name_that_was_given_up():
    assert [file for file in _trees() if set(Path(file).with_suffix("").parts) & GIVEN_UP] == []


def _riddles() -> list[str]:
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    return [
        f"{file}:{getattr(node, 'lineno', 1)}: {text.splitlines()[0]}"
        for file, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, documented) and (text := (ast.get_docstring(node) or "").strip()) and RIDDLE.match(text)
    ]


def test_docstrings_open_with_a_term_and_not_with_a_question():
    assert len(_riddles()) <= RIDDLES_LEFT, _riddles()


def test_the_names_for_editors_are_the_names_at_run_time():
    tree = _trees()["__init__.py"]
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    aliases = {
        node.targets[0].id: node.value.id
        for node in block.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Name)
    }
    assert imported | set(aliases) == set(thermoplan.__all__) == set(thermoplan._HOMES)
    for name in thermoplan.__all__:
        assert getattr(thermoplan, name) is getattr(thermoplan, aliases.get(name, name))


def test_editors_see_the_arguments_of_a_public_function(tmp_path):
    api = pytest.importorskip("mypy.api")
    script = tmp_path / "script.py"
    script.write_text(
        'import thermoplan as tp\n\ntp.make_plan("x.toml", quick=True)\ntp.make_plan("x.toml", quik=True)\n'
        "reveal_type(tp.make_plan)\nreveal_type(tp.Image)\n"
    )
    cache_folder = str(PACKAGE.parent / ".mypy_cache")
    report, _, _ = api.run(["--follow-imports=silent", "--cache-dir", cache_folder, str(script)])
    lines = report.splitlines()
    assert [line for line in lines if ":3:" in line] == []
    assert any(":4:" in line and 'Unexpected keyword argument "quik"' in line for line in lines)
    (revealed,) = (line for line in lines if ":5:" in line)
    assert "quick: bool" in revealed and revealed.rstrip('"').endswith("Plan")
    assert any(":6:" in line and "thermoplan.base.image.Image" in line for line in lines)


def test_the_product_does_not_speak_of_the_workshop():
    words = re.compile(r"\b(DESIGN|CONTRACT|STYLE)(\.md)?\b")
    assert [file for file, _ in _trees().items() if words.search((PACKAGE / file).read_text(encoding="utf-8"))] == []
