"""The house of DESIGN.md stays the house: imports run one way, importing is light, sources are listed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "thermoplan"

# Lower rows may not import higher ones. A package (bioheat, report) is one room.
LAYERS = (
    ("__main__",),
    ("cli", "console"),
    ("plan", "study", "adapt", "validate", "report", "scene", "doctor"),
    ("optimize", "trajectory"),
    ("goals", "dose", "bioheat"),
    ("sar", "eddy"),
    ("fem", "device", "tracer", "magnetization", "iron", "calibration", "meshing", "tissue", "anatomy"),
    ("image",),
    ("errors", "arrays", "progress"),
)
EDGES = {"files", "protocol", "units"}
MAY_REACH_EDGES = {"cli", "console", "plan", "study", "adapt", "validate", "report"} | EDGES

# Who may import what is heavy, even inside a function.
OWNERS = {
    "dolfinx": {"fem"},
    "dolfinx_solver": {"fem"},
    "ufl": {"fem"},
    "basix": {"fem"},
    "mpi4py": {"fem"},
    "petsc4py": {"fem", "doctor"},  # the doctor reads its version, which loads no PETSc
    "gmsh": {"meshing"},
    "pyvista": {"scene"},
    "vtk": {"scene"},
    "vtkmodules": {"scene"},
    "trame": {"scene"},
    "matplotlib": {"report"},
    "pydantic": {"protocol"},
    "pint": {"units"},
}


def _room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"), str(file))


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


def _graph() -> dict[str, set[str]]:
    """Room -> rooms it imports."""
    graph: dict[str, set[str]] = {}
    for file, tree in _modules():
        used = {name.split(".")[1] for name in _imports(file, tree) if name.startswith("thermoplan.")}
        graph.setdefault(_room(file), set()).update(used - {_room(file)})
    graph.pop("__init__")  # it only points at the others, lazily
    return graph


def test_every_module_has_its_place_in_the_layers():
    assert set(_graph()) - {room for row in LAYERS for room in row} - EDGES == set()


def test_imports_run_one_way():
    row = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
    graph = _graph()
    upward = [
        f"{room} imports {used}"
        for room, uses in graph.items()
        for used in uses
        if row.get(used, len(LAYERS)) < row.get(room, 0)
    ]
    assert upward == []
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, naming the cycle


def test_only_the_outer_rooms_reach_the_files():
    assert [room for room, uses in _graph().items() if uses & EDGES and room not in MAY_REACH_EDGES] == []


def test_heavy_parts_are_imported_only_by_their_owners():
    strays = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, tree in _modules()
        for name in _imports(file, tree)
        if _room(file) not in OWNERS.get(name.split(".")[0], {_room(file)})
    ]
    assert strays == []


def test_importing_thermoplan_is_light():
    code = "import sys, thermoplan; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert loaded & set(OWNERS) == set()


def test_every_source_that_a_docstring_names_is_in_the_references():
    references = (PACKAGE / "data" / "references.bib").read_text(encoding="utf-8")
    listed = set(re.findall(r"@\w+\{\s*([^,\s]+)", references))
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    named = {
        (key, str(file.relative_to(ROOT)))
        for file, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for group in re.findall(r"\[([^\[\]]+)\]", ast.get_docstring(node) or "")
        for key in re.split(r"[,;]\s*", group)
        if re.fullmatch(r"[A-Z]\w*(19|20)\d\d[a-z]?", key)
    }
    assert {(key, file) for key, file in named if key not in listed} == set()
