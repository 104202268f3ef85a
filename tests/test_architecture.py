"""The house of DESIGN.md stays the house: imports run one way, importing is light, sources are listed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Container, Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "thermoplan"
TESTS = sorted((ROOT / "tests").glob("*.py"))

# Lower rows may not import higher ones. A package (bioheat, report) is one room.
LAYERS = (
    ("__main__",),
    ("cli", "console"),
    ("plan", "case", "answers", "fits", "shot", "study", "adapt", "validate", "report", "scene", "export", "compare",
     "doctor"),
    ("optimize", "search", "trajectory"),
    ("metrics", "goals", "dose", "bioheat"),
    ("sar", "focus", "spread", "eddy", "safety"),
    ("registration", "fem", "quadratic", "iron", "calibration", "fiducials", "quantify", "roi", "background",
     "weighted", "psf", "scanner", "deblur", "device", "selection", "coils"),
    ("response", "tabulate", "fitting", "calorimetry", "slptable", "relaxometry", "tracer", "measured",
     "magnetization"),
    ("meshing", "tissue", "anatomy"),
    ("image",),
    ("errors", "arrays", "cache", "display", "launched", "memory", "progress", "threads"),
)
EDGES = {"files", "library", "protocol", "units"}
MAY_REACH_EDGES = EDGES | {"cli", "console", "plan", "case", "answers", "fits", "shot", "study", "adapt", "validate",
                           "report", "scene", "export", "compare"}

# Who may import what is heavy, even inside a function.
OWNERS = {
    "dolfinx": {"fem"},
    "dolfinx_solver": {"fem", "bioheat"},
    "ufl": {"fem"},
    "basix": {"fem"},
    "mpi4py": {"fem", "bioheat"},
    "petsc4py": {"fem", "doctor"},  # the doctor reads its version, which loads no PETSc
    "gmsh": {"meshing"},
    "numba": {"bioheat"},
    "llvmlite": {"bioheat"},
    "pyvista": {"scene"},
    "vtk": {"scene"},
    "vtkmodules": {"scene"},
    "trame": {"scene"},
    "matplotlib": {"report"},
    "pydantic": {"protocol"},
    "pint": {"units"},
    "magpylib": {"coils"},
    "SimpleITK": {"registration"},
    "ipyopt": {"optimize"},
}


@cache
def _modules() -> dict[str, tuple[Path, ast.Module]]:
    """Dotted name below thermoplan -> its file and its syntax; a package goes by its folder's name."""
    files = sorted(PACKAGE.rglob("*.py"))
    trees = ((file, ast.parse(file.read_text(encoding="utf-8"), str(file))) for file in files)
    named = ((".".join(file.relative_to(PACKAGE).with_suffix("").parts), file, tree) for file, tree in trees)
    return {name.removesuffix(".__init__"): (file, tree) for name, file, tree in named}


def _room(name: str) -> str:
    return name.split(".")[0]


def _imports(file: Path, tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything that a module imports, at its head or inside a function."""
    home = ("thermoplan", *file.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _module(path: list[str], modules: Container[str]) -> str | None:
    """The longest head of a dotted path that is a module; what follows is a name inside it."""
    heads = (".".join(path[:end]) for end in range(len(path), 0, -1))
    return next((head for head in heads if head in modules), None)


@cache
def _graph() -> dict[str, set[str]]:
    """Module -> the modules of thermoplan that it imports; the package's own __init__ only points, lazily."""
    modules = _modules()
    graph = {}
    for name, (file, tree) in modules.items():
        paths = (used.split(".")[1:] for used in _imports(file, tree) if used.startswith("thermoplan."))
        graph[name] = {_module(path, modules) for path in paths} - {name, None}
    graph.pop("__init__")
    return graph


def test_every_module_has_its_place_in_the_layers():
    assert set(map(_room, _graph())) - {room for row in LAYERS for room in row} - EDGES == set()


def test_imports_run_one_way():
    row = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
    upward = [
        f"{name} imports {used}"
        for name, uses in _graph().items()
        for used in uses
        if row.get(_room(used), len(LAYERS)) < row.get(_room(name), 0)
    ]
    assert upward == []


def test_no_import_closes_a_circle():
    tuple(TopologicalSorter(_graph()).static_order())  # raises CycleError, naming the circle


def test_only_the_outer_rooms_reach_the_files():
    reaching = {
        f"{name} imports {used}"
        for name, uses in _graph().items()
        for used in uses
        if _room(used) in EDGES and _room(name) not in MAY_REACH_EDGES
    }
    assert reaching == set()


def test_heavy_parts_are_imported_only_by_their_owners():
    strays = [
        f"{name} imports {used}"
        for name, (file, tree) in _modules().items()
        for used in _imports(file, tree)
        if _room(name) not in OWNERS.get(used.split(".")[0], {_room(name)})
    ]
    assert strays == []


def test_whatever_the_code_and_the_tests_import_is_pinned():
    pins = {_plain(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in TESTS]
    inside = {"thermoplan", "meshes", "tests", *(file.stem for file in TESTS), *sys.stdlib_module_names}
    used = {name for file, tree in _modules().values() for name in _imports(file, tree)}
    used |= {name for tree in trees for name in _imports(PACKAGE / "absolute.py", tree)}
    given = packages_distributions()
    unpinned = {
        name
        for name in {name.split(".")[0] for name in used} - inside
        if not pins & set(map(_plain, given.get(name, ())))
    }
    assert unpinned == set()


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_importing_thermoplan_is_light():
    code = "import sys, thermoplan; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert loaded & set(OWNERS) == set()


def test_every_source_that_a_docstring_names_is_in_the_references():
    references = (PACKAGE / "data" / "references.bib").read_text(encoding="utf-8")
    listed = set(re.findall(r"@\w+\{\s*([^,\s]+)", references))
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    named = {
        (key, name)
        for name, (_, tree) in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for group in re.findall(r"\[([^\[\]]+)\]", ast.get_docstring(node) or "")
        for key in re.split(r"[,;]\s*", group)
        if re.fullmatch(r"[A-Z]\w*(19|20)\d\d[a-z]?", key)
    }
    assert {(key, name) for key, name in named if key not in listed} == set()
