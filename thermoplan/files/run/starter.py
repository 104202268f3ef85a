"""Starter of ``init``: a shipped protocol or notebook with the inputs it names, side by side.

Package data in a wheel, the repository's own files in a checkout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ...base.errors import InputError

PROTOCOL = "mouse-flank"
_CHECKOUT = Path(__file__).parents[3]
_SCHEMA = "protocol.schema.json"
_MESH = re.compile(r"\.\./meshes/([\w.-]+)")
_BESIDE = re.compile(r'^trajectory = "([\w.-]+)"', re.MULTILINE)
_NAMED = re.compile(r"\.\./protocols/([\w{}-]+)\.toml")
_DATA = re.compile(r"(?<![\w/])data/([\w-]+)")


def write_starter(folder: Path | str, *, protocol: str = PROTOCOL, notebook: str | None = None) -> list[Path]:
    """Write a protocol as ``protocol.toml``, or a notebook with the protocols it uses, and every input they name.

    Names are those of ``protocols/`` and ``notebooks/``, without their endings; the number of a notebook does. The
    folder is empty or new.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not an empty folder; choose another")
    content = _with_inputs("protocol.toml", protocol) if notebook is None else _notebook(notebook)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in content.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as problem:
        raise InputError(f"{folder}: cannot be written: {problem.strerror}; choose another folder") from problem
    return [folder / name for name in content]


def _with_inputs(name: str, protocol: str) -> Mapping[str, bytes]:
    """A protocol under a name of its own, its inputs beside it, and its schema for an editor."""
    text = _text("protocols", ".toml", protocol).replace(f"../thermoplan/data/schemas/{_SCHEMA}", f"./{_SCHEMA}", 1)
    found = {name: _MESH.sub(r"\1", text).encode()}
    found |= {mesh: _shipped_file(f"meshes/{mesh}").read_bytes() for mesh in dict.fromkeys(_MESH.findall(text))}
    found[_SCHEMA] = files("thermoplan").joinpath("data", "schemas", _SCHEMA).read_bytes()
    found |= {beside: _shipped_file(f"protocols/{beside}").read_bytes() for beside in _BESIDE.findall(text)}
    return found


def _notebook(wanted: str) -> Mapping[str, bytes]:
    names = shipped_names("notebooks", ".ipynb")
    plain = wanted.removesuffix(".ipynb")
    numbered = f"{int(plain):02d}-" if plain.isdecimal() and len(plain) <= len(names) else f"{plain}-"
    chosen = [name for name in names if name == plain or (plain.isdecimal() and name.startswith(numbered))]
    if not chosen:
        raise InputError(f"--notebook {wanted}: expected one of {', '.join(names)}, or its number")
    text = _text("notebooks", ".ipynb", chosen[0])
    found = {f"{chosen[0]}.ipynb": text.replace("../protocols/", "").replace("../runs/", "runs/").encode()}
    protocols = dict.fromkeys(_NAMED.findall(text))
    if any("{" in name for name in protocols):
        protocols = dict.fromkeys(shipped_names("protocols", ".toml"))
    for name in protocols:
        found |= _with_inputs(f"{name}.toml", name)
    for name in dict.fromkeys(_DATA.findall(text)):
        found |= {f"data/{name}/{item.name}": item.read_bytes() for item in _room(f"notebooks/data/{name}").iterdir()}
    return found


def shipped_names(room: str, ending: str) -> list[str]:
    """Names in ``protocols`` or ``notebooks``, without endings."""
    return sorted(item.name.removesuffix(ending) for item in _room(room).iterdir() if item.name.endswith(ending))


def _room(name: str) -> Traversable:
    packaged = files("thermoplan").joinpath("data", "starter", *name.split("/"))
    return packaged if packaged.is_dir() else _CHECKOUT / name


def _text(room: str, ending: str, name: str) -> str:
    names = shipped_names(room, ending)
    if name not in names:
        raise InputError(f"{name}: not one of the shipped {room}: {', '.join(names)}")
    return _shipped_file(f"{room}/{name}{ending}").read_text(encoding="utf-8")


def _shipped_file(name: str) -> Traversable:
    """A file of the starter's rooms, which the build maps into the package."""
    packaged = files("thermoplan").joinpath("data", "starter", *name.split("/"))
    if packaged.is_file():
        return packaged
    if (_CHECKOUT / name).is_file():
        return _CHECKOUT / name
    raise InputError(f"{name}: not in this installation; install thermoplan from a wheel or a whole checkout")
