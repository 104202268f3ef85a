"""Check of the installation: parts that work, parts that are missing, and the command that brings them.

Set-up runs this file by path with a bare interpreter, before anything is installed: it imports only the
standard library. Whatever can crash or take long is tried in a process of its own.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

PROBE_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: its version where it has one, whether it works, and what to run if it does not."""

    part: str
    version: str | None
    ok: bool
    remedy: str = ""


class FindingRow(TypedDict):
    """Finding as plain data."""

    part: str
    version: str | None
    ok: bool
    remedy: str


class FindingsAnswer(TypedDict):
    """Findings as plain data, and whether all is well."""

    ok: bool
    findings: list[FindingRow]


# Any one of the names will do; the Debian package that brings it. The gmsh wheel links the first table;
# without the second VTK does not refuse to draw, it crashes.
GMSH_LIBRARIES = (
    (("libGLU.so.1",), "libglu1-mesa"),
    (("libGL.so.1",), "libgl1"),
    (("libXrender.so.1",), "libxrender1"),
    (("libXcursor.so.1",), "libxcursor1"),
    (("libXfixes.so.3",), "libxfixes3"),
    (("libXext.so.6",), "libxext6"),
    (("libXft.so.2",), "libxft2"),
    (("libfontconfig.so.1",), "libfontconfig1"),
    (("libXinerama.so.1",), "libxinerama1"),
    (("libgomp.so.1",), "libgomp1"),
)
VTK_LIBRARIES = (
    (("libX11.so.6",), "libx11-6"),
    (("libEGL.so.1", "libOSMesa.so.8"), "libegl1"),
)
LIBRARIES = GMSH_LIBRARIES + VTK_LIBRARIES

DISTRIBUTIONS = {
    "thermoplan": ("thermoplan",),
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "dolfinx": ("dolfinx-solver-real", "fenics-dolfinx"),
    "ffcx": ("fenics-ffcx",),
    "basix": ("fenics-basix",),
    "ufl": ("fenics-ufl",),
    "numba": ("numba",),
    "highs": ("highspy",),
    "mpich": ("mpich",),
    "mpi4py": ("mpi4py",),
    "gmsh": ("gmsh",),
    "vtk": ("vtk",),
    "pyvista": ("pyvista",),
    "matplotlib": ("matplotlib",),
    "nibabel": ("nibabel",),
    "h5py": ("h5py",),
    "meshio": ("meshio",),
    "simpleitk": ("simpleitk",),
    "pydantic": ("pydantic",),
    "pint": ("pint",),
}

# What a plan needs each part to do, tried for real in a process of its own.
PROBES = {
    "dolfinx compiles a form": (
        "fem",
        "import os, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    os.environ['XDG_CACHE_HOME'] = folder\n"
        "    import dolfinx_solver, ufl\n"
        "    from mpi4py import MPI\n"
        "    from dolfinx import fem, mesh\n"
        "    one = fem.Constant(mesh.create_unit_interval(MPI.COMM_SELF, 2), 1.0)\n"
        "    length = fem.assemble_scalar(fem.form(one * ufl.dx(one.ufl_domain())))\n"
        "    assert abs(length - 1.0) < 1e-12, length\n",
    ),
    "gmsh loads": ("mesh", "import gmsh\ngmsh.initialize()\ngmsh.finalize()\n"),
    "vtk draws off-screen": (
        "view",
        "import pyvista\n"
        "scene = pyvista.Plotter(off_screen=True, window_size=(64, 64))\n"
        "scene.add_mesh(pyvista.Sphere(), color='red')\n"
        "picture = scene.screenshot(None, return_img=True)\n"
        "assert picture.std() > 1.0, 'the picture is blank'\n",
    ),
}


def versions() -> dict[str, str]:
    """Version of every part that is installed; reads metadata and imports nothing heavy."""
    found = {"python": platform.python_version()}
    for part, names in DISTRIBUTIONS.items():
        version = next(filter(None, map(_version, names)), None)
        if version:
            found[part] = version
    if "dolfinx" in found and importlib.util.find_spec("petsc4py"):
        import petsc4py  # its __init__ holds the version and loads no PETSc

        found["petsc"] = petsc4py.__version__
    return found


def examine() -> tuple[Finding, ...]:
    """Every part that a plan rests on, tried out; some seconds."""
    installed = versions()
    remedy = "run: make setup, or: pip install 'thermoplan[fem,mesh,view]'"
    parts = tuple(
        Finding(part, installed.get(part), part in installed, "" if part in installed else remedy)
        for part in ("python", *DISTRIBUTIONS)
    )
    return parts + _machine() + _probe_parts()


def as_record(findings: Iterable[Finding]) -> FindingsAnswer:
    """The findings as plain data, and whether all is well."""
    findings = tuple(findings)
    rows = [FindingRow(part=f.part, version=f.version, ok=f.ok, remedy=f.remedy) for f in findings]
    return {"ok": all(f.ok for f in findings), "findings": rows}


def missing_packages() -> tuple[str, ...]:
    """Debian packages whose contents this machine lacks, the interpreter's own venv module among them."""
    return tuple(dict.fromkeys((*_lacking_venv(), *_lacking_compiler(), *lacking(LIBRARIES))))


def lacking(libraries: Iterable[tuple[tuple[str, ...], str]]) -> tuple[str, ...]:
    """Debian packages of those libraries that do not load, such as ``lacking(VTK_LIBRARIES)`` before drawing."""
    return tuple(package for names, package in libraries if not any(map(_opens, names)))


def install_line(packages: Iterable[str]) -> str:
    """The one line to run for these Debian packages."""
    as_root = "" if os.geteuid() == 0 else "sudo "
    return f"{as_root}apt-get install --no-install-recommends {' '.join(packages)}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _opens(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _machine() -> tuple[Finding, ...]:
    compiler = _lacking_compiler()
    findings = [
        Finding("x86-64 Linux", platform.platform(), _x86_linux(), "the pinned wheels are for x86-64 Linux"),
        Finding("C compiler and Python headers", _compiler()[0], not compiler, _run(compiler)),
        Finding("cache for compiled forms", str(_cache()), _writable(_cache()), _CACHE_REMEDY),
    ]
    for names, package in LIBRARIES:
        findings.append(Finding(" or ".join(names), None, any(map(_opens, names)), _run((package,))))
    return tuple(Finding(f.part, f.version, f.ok, "" if f.ok else f.remedy) for f in findings)


def _run(packages: Iterable[str]) -> str:
    return f"run: {install_line(packages)}"


def _x86_linux() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64"


_CACHE_REMEDY = "name a folder that you may write to: export XDG_CACHE_HOME=/path/to/folder"


def _cache() -> Path:
    """The folder under which FFCx keeps compiled forms."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fenics"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _system_python() -> bool:
    """True if Debian packages serve this interpreter; one built from source brings its own headers."""
    return sys.base_prefix == "/usr"


def _python_package(part: str) -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}-{part}"


def _lacking_venv() -> tuple[str, ...]:
    if importlib.util.find_spec("ensurepip") or not _system_python():
        return ()
    return (_python_package("venv"),)


def _compiler() -> list[str]:
    """The command that setuptools, and so the form compiler, would call."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def _lacking_compiler() -> tuple[str, ...]:
    headers = () if not _system_python() else (_python_package("dev"),)
    if not shutil.which(_compiler()[0]):
        return ("gcc", "libc6-dev", *(headers if not _python_h().exists() else ()))
    if not _compiles("#include <stdlib.h>\n#include <math.h>\n"):
        return ("gcc", "libc6-dev")
    return () if _compiles("#include <Python.h>\n") else headers or ("python3-dev",)


def _python_h() -> Path:
    return Path(sysconfig.get_path("include")) / "Python.h"


def _compiles(source: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "unit.c"
        unit.write_text(source + "int unit(void) { return 0; }\n", encoding="utf-8")
        command = [*_compiler(), "-shared", "-fPIC", f"-I{_python_h().parent}", str(unit), "-lm", "-o"]
        return subprocess.run([*command, f"{folder}/unit.so"], capture_output=True).returncode == 0


def _probe_parts() -> tuple[Finding, ...]:
    started = {
        part: subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for part, (_, code) in PROBES.items()
    }
    return tuple(_outcome(part, process) for part, process in started.items())


def _outcome(part: str, process: subprocess.Popen[str]) -> Finding:
    try:
        said = process.communicate(timeout=PROBE_LIMIT_S)[1].strip()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        said = f"no answer within {PROBE_LIMIT_S} s"
    if process.returncode == 0:
        return Finding(part, None, True)
    died = f"killed by signal {-process.returncode}" if process.returncode < 0 else ""
    reason = died or (said.splitlines() or ["no message"])[-1]
    return Finding(part, None, False, f"{reason}; needs thermoplan[{PROBES[part][0]}], and the rows above")


def main(arguments: list[str]) -> int:
    """Print what is missing: `--packages` as a line for apt-get, otherwise every finding."""
    if arguments == ["--packages"]:
        print(" ".join(missing_packages()))
        return 0
    findings = examine()
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING"
        print(f"{mark} {finding.part:30} {finding.version or '':20} {finding.remedy}".rstrip())
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
