"""Checkpoint of a simulation on disk, from which one that was stopped is resumed."""

from __future__ import annotations

import hashlib
import json
import os
import time
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ... import __version__
from ...base.arrays import AnyArray, Array
from ...base.cache import content_digest
from ...base.errors import InputError, Interrupted
from ...base.parsed_text import parse_json
from ...bioheat import CheckpointPolicy, EngineState
from ...files.run.run_folder import CHECKPOINT
from ...files.text.text_files import read_text
from ...protocol import Protocol, protocol_of_text
from .state_file import dump_state, load_state

EVERY_S = 60.0
"""Seconds of work that a stop may lose; half as many write the state twice as often."""
_ABOUT = "run.json"
_STATE = "state.npz"


class SimulationOptions(typing.TypedDict, total=False):
    """Options of `simulate` that a checkpoint remembers."""

    quick: bool
    estimate_error: bool


class CheckpointAbout(typing.TypedDict):
    """Simulation that a checkpoint is of."""

    protocol: str
    text: str
    trajectory: str | None
    options: SimulationOptions


class _SavedState(typing.TypedDict):
    """State of the engine in time, and that of the consumers of its history by name."""

    digest: str
    engine: tuple[float, Array, float]
    consumers: dict[str, dict[str, object]]


class Resumable(typing.Protocol):
    """Consumer of a history whose attributes ``KEPT`` are saved, and set again when a run is resumed."""

    @property
    def KEPT(self) -> tuple[str, ...]:
        """Names of the attributes."""
        ...


@dataclass(slots=True, eq=False)
class Checkpoints:
    """Folder that a simulation is saved in, at most every ``every_s`` of real time, and what it is of.

    ``about`` is for `read_checkpoint`; with ``resuming`` a simulation goes on from what lies in ``run``. A checkpoint
    that could not be written goes into ``complaints``, and the simulation goes on.
    """

    run: Path
    about: CheckpointAbout
    every_s: float = EVERY_S
    resuming: bool = False
    written: int = 0
    complaints: list[str] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint within the run's folder."""
        return self.run / CHECKPOINT

    def policy(self, digest: str, consumers: Mapping[str, Resumable]) -> CheckpointPolicy:
        """Policy of the engine in time; the ``consumers`` of its history are saved, and go on, with it.

        ``digest`` is of all that the full model is made of: what was saved of another one is refused.
        """

        def mark(state: EngineState) -> None:
            if time.monotonic() - self._since < self.every_s:
                return
            try:
                self._save(state, digest, consumers)
            except OSError as problem:
                self._since = time.monotonic()
                self.complaints = [f"{self.folder}: the simulation could not be saved while it ran: {problem.strerror}"]

        return CheckpointPolicy(self._restore(digest, consumers) if self.resuming else None, mark)

    def _restore(self, digest: str, consumers: Mapping[str, Resumable]) -> EngineState:
        """The state to go on from; the consumers take up what they had."""
        saved = typing.cast(_SavedState, load_state(self.folder / _STATE))  # which its digest then vouches for
        if saved.get("digest") != digest:
            raise InputError(
                f"{self.run}: its protocol, a file that it names, or thermoplan has changed since the "
                "run was stopped: simulate anew"
            )
        try:
            for name, consumer in consumers.items():
                for key in consumer.KEPT:
                    if key in saved["consumers"][name]:
                        setattr(consumer, key, saved["consumers"][name][key])
            return EngineState(*saved["engine"])
        except (LookupError, TypeError, ValueError, AttributeError) as problem:
            raise InputError(f"{self.folder / _STATE}: is damaged: {problem}; simulate anew") from problem

    def _save(self, state: EngineState, digest: str, consumers: Mapping[str, Resumable]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.written:
            (self.folder / _ABOUT).write_text(json.dumps(dict(self.about), indent=1), encoding="utf-8")
        saved: _SavedState = {
            "digest": digest,
            "engine": (state.time_s, state.temperature_c, state.pace_s),
            "consumers": {
                name: {key: getattr(part, key) for key in part.KEPT if hasattr(part, key)}
                for name, part in consumers.items()
            },
        }
        dump_state(self.folder / _STATE, saved)
        self.written += 1
        self._since = time.monotonic()


@contextmanager
def resumable(saved: Checkpoints) -> Iterator[None]:
    """Tell how to go on where the user stops a simulation that was saved."""
    try:
        yield
    except KeyboardInterrupt:
        if saved.written or saved.resuming:
            raise Interrupted(f"interrupted: go on with thermoplan simulate --resume {saved.run}") from None
        raise


def describe_checkpoint(protocol: Protocol, trajectory: Path | None, options: SimulationOptions) -> CheckpointAbout:
    """Protocol, trajectory and options of a simulation, so that it can be resumed from anywhere."""
    return {
        "protocol": str(protocol.path.resolve()),
        "text": protocol.text,
        "trajectory": None if trajectory is None else str(Path(trajectory).resolve()),
        "options": options,
    }


def read_checkpoint(run: Path) -> tuple[Protocol, Path | None, SimulationOptions]:
    """Protocol, trajectory and options of the simulation that was stopped in a run folder."""
    file = run / CHECKPOINT / _ABOUT
    if not os.path.isfile(file) or not (file.parent / _STATE).is_file():
        raise InputError(f"{run}: holds no checkpoint of a simulation that was stopped")
    about = parse_json(read_text(file), str(file), "simulate anew")
    if not _is_about(about):
        raise InputError(f"{file}: says not which simulation was stopped: it may be damaged: simulate anew")
    path, trajectory = Path(about["protocol"]), about["trajectory"]
    return protocol_of_text(path, about["text"]), None if trajectory is None else Path(trajectory), about["options"]


def _is_about(found: object) -> typing.TypeGuard[CheckpointAbout]:
    """True if what was read has the types of a `CheckpointAbout`; a path has no zero byte."""
    if not isinstance(found, dict) or not found.keys() >= CheckpointAbout.__annotations__.keys():
        return False
    options, trajectory = found["options"], found["trajectory"]
    paths = [found["protocol"], *([] if trajectory is None else [trajectory])]
    return (
        all(isinstance(path, str) and path and "\0" not in path for path in paths)
        and isinstance(found["text"], str)
        and isinstance(options, dict)
        and options.keys() <= SimulationOptions.__annotations__.keys()
        and all(isinstance(value, bool) for value in options.values())
    )


def model_digest(protocol: Protocol, arrays: Iterable[AnyArray]) -> str:
    """Digest of thermoplan's version, a protocol, the files it names, and all that the full model is made of."""
    named = [
        hashlib.sha256(path.read_bytes()).hexdigest() if os.path.isfile(path) else "" for path in protocol.files[1:]
    ]
    return content_digest(json.dumps([__version__, protocol.text, named]), arrays)
