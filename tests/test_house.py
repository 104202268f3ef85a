"""What keeps the code readable: names mean one thing, docstrings open with the field's term, public names resolve."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import thermoplan

PACKAGE = Path(thermoplan.__file__).parent
ROOT = PACKAGE.parent

# Modules that say `Any`, and the library whose untyped (or wrongly typed) objects it stands for.
ANY_FROM = {
    "base/arrays.py": "numpy",
    "base/parsed_text.py": "json",
    "bioheat/linalg/compilation.py": "numba",
    "device/fields/coils.py": "magpylib",
    "fem/linear.py": "dolfinx",
    "files/images/dicom.py": "pydicom",
    "files/images/dicom_pixels.py": "pydicom",
    "files/images/dicom_scale.py": "pydicom",
    "files/images/dicom_write.py": "pydicom",
    "files/images/nifti_header.py": "nibabel",
    "files/images/parametric.py": "pydicom",
    "files/meshes/vtkhdf.py": "h5py",
    "files/run/record_types.py": "pydantic",
    "imaging/registration/intensity.py": "SimpleITK",
    "report/formats.py": "json",
    "scene/film.py": "imageio",
    "scene/session_fields.py": "pyvista",
    "scene/stage.py": "pyvista",
    "scene/web.py": "trame",
}

MOST_ARGUMENTS = 6
RIDDLE = re.compile(r"(What|Where|How|Whether|Who|Whose|Why|When)\b")
# Names of modules that were given up, since they said nothing or something else.
GIVEN_UP = {
    *("stand", "team", "link", "half", "lanes", "principal", "made", "played", "hard", "finer", "warming", "reachable"),
    *("placing", "placement", "setup", "loop", "order", "beyond", "second", "interior", "aims", "knots", "pace"),
    *("forms", "answers", "fits", "spread", "focus", "measured", "weighted", "launched", "clad", "draft", "outline"),
    *("console", "search", "sar"),
}
# File names that two modules have, and why one reader looks for both under it.
SAME_NAME = {
    "body": "anatomy/body.py reads the body of a protocol, scene/body.py draws it",
    "planning": "cli/planning.py holds the verbs that start plan/planning.py",
    "results": "cli/results.py holds the verbs that read plan/record/results.py",
}
# Participles that do not end in -ed; those that are verbs or nouns too (read, put, set, bound) are left out.
IRREGULAR = re.compile(
    "begun|bent|born|bought|broken|brought|built|caught|chosen|clad|dealt|drawn|driven|eaten|fallen|fed|felt|found|"
    "frozen|given|gone|grown|heard|held|hidden|kept|known|laid|left|lent|lost|made|meant|met|paid|risen|said|seen|sent|"
    "shown|shrunk|slept|sought|spent|spun|stuck|stood|sunk|swept|taken|thrown|told|torn|understood|undone|wound|written"
)
NO_PARTICIPLES = {"bed", "embed", "exceed", "feed", "need", "red", "seed", "shed", "speed"}
ON_PARTICIPLES = {"along", "another", "apart", "away", "down", "for", "from", "off", "out", "over", "together", "under"}
# Verbs whose object may be named by a participle: `store_cached`, `refuse_stopped`.
ACTS = {"evolve", "is", "load", "parse", "plan", "play", "read", "refuse", "run", "settle", "show", "store", "write"}
# A word of the workshop, none of the product.
WORKSHOP = re.compile(r"\b(DESIGN|CONTRACT|STYLE)(\.md)?\b")
SPOKEN = {".py", ".md", ".toml", ".html", ".css", ".json", ".bib", ".csv", ".sh", ".yml", ".cff"}


@cache
def _trees() -> dict[str, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(file.relative_to(PACKAGE)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def test_no_two_classes_share_a_name():
    places = defaultdict(list)
    for file, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_two_modules_share_a_file_name():
    stems = Counter(Path(file).stem for file in _trees())
    assert {name for name, count in stems.items() if count > 1} - {"__init__"} == set(SAME_NAME)
    assert max(stems[name] for name in SAME_NAME) == 2


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
    assert _riddles() == []


def _is_participle(word: str) -> bool:
    return bool(IRREGULAR.fullmatch(word)) or (word.endswith("ed") and word not in NO_PARTICIPLES)


def _free_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a module and those inside them, but no methods."""
    methods = {node for owner in ast.walk(tree) if isinstance(owner, ast.ClassDef) for node in owner.body}
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node not in methods)


def _says_only_what_was_done(name: str) -> bool:
    """``_located``, ``left_out``, ``metric_named``; not ``chosen_tracer``, a value, nor ``store_cached``."""
    words = [word for word in name.strip("_").split("_") if not re.fullmatch(r"[a-z]{1,2}\d?", word)] or [name]
    last = max((i for i, word in enumerate(words) if word not in ON_PARTICIPLES), default=0)
    acts = name.strip("_").partition("_")[0] in ACTS
    return not acts and _is_participle(words[last])


def test_free_functions_are_verbs_or_nouns_and_no_participles():
    named = ((file, node.name) for file, tree in _trees().items() for node in _free_functions(tree))
    assert [f"{file}: {name}" for file, name in named if _says_only_what_was_done(name)] == []
    assert _says_only_what_was_done("_located") and _says_only_what_was_done("told_apart")


def _argument_names(function: ast.FunctionDef) -> list[str]:
    """Arguments by name, each ``*`` and ``**`` as one: options that go on together are one typed group."""
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [argument.arg for argument in (given.vararg, given.kwarg) if argument]
    return [name for name in names if name not in ("self", "cls")]


def _may_have_many(function: ast.FunctionDef) -> bool:
    """A verb, whose options are its arguments, or a kernel, whose machine code takes plain arrays."""
    names = {ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list}
    return bool(names & {"app.command", "verb", "compile_for"})


def test_no_function_has_more_than_six_arguments():
    functions = (
        (file, node) for file, tree in _trees().items() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    )
    assert [
        f"{file}: {node.name}"
        for file, node in functions
        if len(_argument_names(node)) > MOST_ARGUMENTS and not _may_have_many(node)
    ] == []


def _constants(tree: ast.Module) -> Iterator[ast.Assign]:
    """Assignments of a module that set several names at once from values written beside each other."""
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
        ):
            yield node


def test_each_constant_stands_on_a_line_of_its_own():
    packed = [f"{file}:{node.lineno}" for file, tree in _trees().items() for node in _constants(tree)]
    assert packed == []


def _says_any(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")


def test_any_stands_only_where_a_library_gives_it():
    found = {file for file, tree in _trees().items() for node in ast.walk(tree) if _says_any(node)}
    assert found == set(ANY_FROM)


def test_a_type_error_is_ignored_only_with_its_code_and_a_reason():
    ignored = re.compile(r"#\s*(type: ignore|mypy:)(?!\[[\w, -]+\]\s+# \w)")
    texts = {file: (PACKAGE / file).read_text(encoding="utf-8").splitlines() for file in _trees()}
    assert [f"{file}: {line.strip()}" for file, lines in texts.items() for line in lines if ignored.search(line)] == []


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
    script = tmp_path / "misspelt.py"
    script.write_text(
        'import thermoplan as tp\n\ntp.make_plan("x.toml", quick=True)\ntp.make_plan("x.toml", quik=True)\n'
        "reveal_type(tp.make_plan)\nreveal_type(tp.Image)\n"
    )
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    report, _, _ = api.run([*settings, str(script)])  # the settings of `make types`, whose cache it can use
    lines = [line.partition(script.name)[2] for line in report.splitlines() if script.name in line]
    assert [line for line in lines if line.startswith(":3:")] == []
    assert any(line.startswith(":4:") and 'Unexpected keyword argument "quik"' in line for line in lines)
    (revealed,) = (line for line in lines if line.startswith(":5:"))
    assert "quick: bool" in revealed and revealed.rstrip('"').endswith("Plan") and "Any" not in revealed
    assert any(line.startswith(":6:") and "thermoplan.base.image.Image" in line for line in lines)


def test_the_product_does_not_speak_of_the_workshop():
    folders = (PACKAGE, *(ROOT / name for name in ("docs", "protocols", "notebooks", "meshes", "benchmarks", "tools")))
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in SPOKEN]
    files += [file for file in ROOT.iterdir() if file.suffix in SPOKEN]
    assert [str(file) for file in files if WORKSHOP.search(file.read_text(encoding="utf-8"))] == []


def test_the_tables_that_the_architecture_page_names_are_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    seams = re.findall(r"^\|[^|]*\| `([\w/.]+): ([\w, ]+)` \| (.*) \|$", page, re.M)
    assert len(seams) > 5
    for place, names, tests in seams:
        module = import_module("thermoplan." + place.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        assert all(getattr(module, name) for name in names.split(", "))
        assert all((ROOT / "tests" / name).is_file() for name in re.findall(r"test_\w+\.py", tests))
