"""The rooms stay as they are: imports run one way, importing is light, sources are listed."""

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

# Rooms from the front door down to the ground floor: a room imports only rooms of lower rows, never its own row's
# neighbours. ``files`` and ``protocol`` are the edges, which only the outer rooms reach.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("commands",),
    ("plan",),
    ("compare", "export", "validate", "scene"),
    ("report",),
    ("optimize", "trajectory"),
    ("goals", "bioheat"),
    ("power",),
    ("fem", "imaging"),
    ("anatomy", "device", "tracer"),
    ("base",),
)
EDGES = ("protocol", "files")  # protocol reads files; files know no protocol
MAY_REACH_EDGES = {"cli", "commands", "plan", "compare", "export", "validate", "scene", "report", *EDGES}
MOST_ROOM_EDGES = 105  # arrows between rooms; a new one is a decision, not an accident

# Who may import what is heavy, even inside a function.
OWNERS = {
    "dolfinx": {"fem"},
    "dolfinx_solver": {"fem", "bioheat"},
    "ufl": {"fem"},
    "basix": {"fem"},
    "mpi4py": {"fem", "bioheat"},
    "petsc4py": {"fem", "base"},  # its version is read, which loads no PETSc
    "gmsh": {"anatomy"},
    "numba": {"bioheat"},
    "llvmlite": {"bioheat"},
    "pyvista": {"scene"},
    "vtk": {"scene"},
    "vtkmodules": {"scene"},
    "trame": {"scene"},
    "matplotlib": {"report"},
    "pydantic": {"protocol", "files"},  # the schemas of protocol.toml and of plan.json
    "pint": {"base"},
    "magpylib": {"device"},
    "SimpleITK": {"imaging", "files"},
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


def room_edges() -> set[tuple[str, str]]:
    arrows = {(_room(name), _room(used)) for name, uses in _graph().items() for used in uses}
    return {(room, used) for room, used in arrows if room != used}


def _folder(name: str) -> str:
    """Dotted folder of a module; a package's own ``__init__`` is its front door and belongs to no folder."""
    return name if (PACKAGE / name.replace(".", "/")).is_dir() else name.rpartition(".")[0]


def test_every_module_has_its_place_in_the_layers():
    assert set(map(_room, _graph())) - {room for row in LAYERS for room in row} - set(EDGES) == set()
    assert not [path.name for path in PACKAGE.glob("*.py") if path.stem not in {"__init__", "__main__"}]


def test_imports_run_one_way():
    depth = {room: row for row, rooms in enumerate(LAYERS) for room in rooms}
    upward = [
        f"{room} imports {used}"
        for room, used in room_edges()
        if used not in EDGES and room not in EDGES and depth[used] <= depth[room]
    ]
    assert upward == []
    assert ("files", "protocol") not in room_edges()
    assert len(room_edges()) <= MOST_ROOM_EDGES


def test_the_picture_of_the_rooms_is_drawn_from_their_imports():
    code = "from draw_rooms import PICTURE, picture; assert PICTURE.read_text() == picture(), 'draw it anew: make docs'"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "tools")


def test_no_import_closes_a_circle():
    tuple(TopologicalSorter(_graph()).static_order())  # raises CycleError, naming the circle


def test_no_import_closes_a_circle_among_rooms():
    graph: dict[str, set[str]] = {}
    for room, used in room_edges():
        graph.setdefault(room, set()).add(used)
    tuple(TopologicalSorter(graph).static_order())


def test_no_import_closes_a_circle_among_folders():
    graph: dict[str, set[str]] = {}
    for name, uses in _graph().items():
        if (PACKAGE / name.replace(".", "/")).is_dir():
            continue  # the front door of a package may show what stands in its inner folders
        graph.setdefault(_folder(name), set()).update(_folder(used) for used in uses)
    tuple(TopologicalSorter({name: uses - {name} for name, uses in graph.items()}).static_order())


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
