"""A long simulation on disk while it runs, so that one that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...base.arrays import Array
from ...base.cache import DAMAGED, content_digest
from ...base.errors import InputError, Interrupted
from ...bioheat import CheckpointPolicy, EngineState
from ...files.run.run_folder import CHECKPOINT
from ...protocol import Protocol, protocol_of_text

EVERY_S = 60.0
"""Seconds of work that a checkpoint may lose."""
_ABOUT, _STATE = "run.json", "state.npz"


@dataclass(slots=True, eq=False)
class Checkpoints:
    """Where a simulation is saved, at most every ``every_s`` of real time, and what it is of.

    ``about`` is what `resumed` needs; with ``resuming`` a simulation goes on from what lies in ``run``. Of what could
    not be saved ``complaints`` tells, and the simulation goes on.
    """

    run: Path
    about: Mapping[str, Any]
    every_s: float = EVERY_S
    resuming: bool = False
    written: int = 0
    complaints: list[str] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        return self.run / CHECKPOINT

    def keeping(self, digest: str, parts: Mapping[str, Any]) -> CheckpointPolicy:
        """What `play` needs; ``parts`` are consumers, each with the names of what it keeps, and go on too.

        ``digest`` is of all that the full model is made of: what was saved of another one is refused.
        """
        start = None
        if self.resuming:
            saved = _loaded(self.folder / _STATE)
            if saved["digest"] != digest:
                raise InputError(
                    f"{self.run}: its protocol, a file that it names, or thermoplan has changed since the "
                    "run was stopped: simulate anew"
                )
            start = EngineState(*saved["stand"])
            for name, part in parts.items():
                for key, value in saved[name].items():
                    setattr(part, key, value)

        def mark(stand: EngineState) -> None:
            if time.monotonic() - self._since < self.every_s:
                return
            try:
                self._save(stand, digest, parts)
            except OSError as problem:
                self._since = time.monotonic()
                self.complaints = [f"{self.folder}: the simulation could not be saved while it ran: {problem.strerror}"]

        return CheckpointPolicy(start, mark)

    def _save(self, stand: EngineState, digest: str, parts: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.written:
            (self.folder / _ABOUT).write_text(json.dumps(dict(self.about), indent=1), encoding="utf-8")
        state = {"digest": digest, "stand": (stand.time_s, stand.temperature_c, stand.pace_s)}
        state |= {
            name: {key: getattr(part, key) for key in part.KEPT if hasattr(part, key)} for name, part in parts.items()
        }
        _dumped(self.folder / _STATE, state)
        self.written += 1
        self._since = time.monotonic()


@contextmanager
def resumable(saved: Checkpoints) -> Iterator[None]:
    """Say how to go on where the user stops a simulation that was saved."""
    try:
        yield
    except KeyboardInterrupt:
        if saved.written or saved.resuming:
            raise Interrupted(f"interrupted: go on with thermoplan simulate --resume {saved.run}") from None
        raise


def describe_checkpoint(protocol: Protocol, trajectory: Path | None, **wanted: Any) -> dict[str, Any]:
    """What a simulation is of, so that it can be resumed from anywhere."""
    return {
        "protocol": str(protocol.path.resolve()),
        "text": protocol.text,
        "trajectory": None if trajectory is None else str(Path(trajectory).resolve()),
        "wanted": wanted,
    }


def resumed(run: Path) -> tuple[Protocol, Path | None, dict[str, Any]]:
    """Protocol, trajectory and wishes of the simulation that was stopped in a run folder."""
    about = run / CHECKPOINT / _ABOUT
    if not about.is_file() or not (about.parent / _STATE).is_file():
        raise InputError(f"{run}: holds no checkpoint of a simulation that was stopped")
    try:
        said = json.loads(about.read_text(encoding="utf-8"))
        path, text, trajectory, wanted = (said[key] for key in ("protocol", "text", "trajectory", "wanted"))
    except (ValueError, KeyError, TypeError) as problem:
        raise InputError(f"{about}: cannot be read: {problem}; simulate anew") from problem
    return protocol_of_text(path, text), None if trajectory is None else Path(trajectory), wanted


def model_digest(protocol: Protocol, arrays: Iterable[Array]) -> str:
    """Of thermoplan's version, a protocol, the files it names, and all that the full model is made of."""
    named = [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in protocol.files[1:]]
    return content_digest(json.dumps([__version__, protocol.text, named]), arrays)


def _dumped(path: Path, value: Any) -> None:
    """Write nested dicts, lists, tuples, numbers and arrays; the file is whole or the one before."""
    arrays: list[np.ndarray] = []
    tree = json.dumps(_packed(value, arrays))
    work = path.with_name(f".{path.name}.{os.getpid()}")
    with work.open("wb") as stream:
        np.savez(stream, tree=np.array(tree), **{f"a{i}": array for i, array in enumerate(arrays)})
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(work, path)


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(part, arrays) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[key, _packed(part, arrays)] for key, part in value.items()]}
    return value


def _loaded(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        result: dict[str, Any] = _unpacked(json.loads(str(arrays["tree"])), arrays)
        return result
    except DAMAGED as problem:
        raise InputError(f"{path}: cannot be read: {problem}; simulate anew") from problem


def _unpacked(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, parts),) = tree.items()
    if kind == "array":
        return arrays[f"a{parts}"]
    if kind == "dict":
        return {key: _unpacked(part, arrays) for key, part in parts}
    found = [_unpacked(part, arrays) for part in parts]
    return tuple(found) if kind == "tuple" else found
