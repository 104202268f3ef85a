"""The protocol and inputs that ``init`` copies: package data in a wheel, the repository's own in a checkout."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..errors import InputError

PROTOCOL = "mouse-flank.toml"
_CHECKOUT = Path(__file__).parents[2]
_INPUT = re.compile(r'"\.\./meshes/([\w.-]+)"')


def write_starter(folder: Path | str) -> list[Path]:
    """Write ``protocol.toml`` and the files it names, side by side, into an empty or new folder."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not an empty folder; choose another")
    text = _shipped(f"protocols/{PROTOCOL}").read_text(encoding="utf-8")
    sources = {name: _shipped(f"meshes/{name}") for name in dict.fromkeys(_INPUT.findall(text))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / "protocol.toml", *(folder / name for name in sources)]
        for path, source in zip(written[1:], sources.values(), strict=True):
            path.write_bytes(source.read_bytes())
        written[0].write_text(_INPUT.sub(r'"\1"', text), encoding="utf-8")
    except OSError as problem:
        raise InputError(f"{folder}: cannot be written: {problem.strerror}; choose another folder") from problem
    return written


def _shipped(name: str) -> Traversable:
    """A file of ``protocols/`` or ``meshes/``, which the build maps into the package."""
    packaged = files("thermoplan").joinpath("data", "starter", *name.split("/"))
    if packaged.is_file():
        return packaged
    if (_CHECKOUT / name).is_file():
        return _CHECKOUT / name
    raise InputError(f"{name}: not in this installation; install thermoplan from a wheel or a whole checkout")
