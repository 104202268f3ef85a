"""A run folder: written beside its place under a hidden name, and moved there in one step at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ...base.errors import InputError
from ...base.names import slug

RUNS = Path("runs")
CHECKPOINT = "checkpoint"
"""Folder in a run's folder where a simulation is saved while it runs."""
_MARKS = ("plan.json", "protocol.toml")


@dataclass(slots=True)
class RunFolder:
    """``work`` is where to write now; ``final`` is where it will lie; ``keep`` spares it on failure."""

    work: Path
    final: Path
    keep: bool = False


@contextmanager
def run_folder(
    name: str, target: Path | str | None = None, *, force: bool = False, runs: Path = RUNS
) -> Iterator[RunFolder]:
    """A new run folder: ``target``, or ``runs/<name>``, ``<name>-2`` and so on.

    Nothing is seen at the final place until the block ends well. When it raises, the unfinished folder is
    removed, or moved to its place where the block has set ``keep``. A folder that is there and not empty
    is refused, or with ``force`` replaced at the end if it is a run.
    """
    final = Path(os.path.abspath(target)) if target is not None else _free(runs, slug(name))
    refuse_full(final, force=force)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        work.chmod(0o777 & ~_umask())
    except OSError as problem:
        words = f"{final}: cannot be written: {problem.strerror}; choose another place with -o"
        raise InputError(words) from problem
    run = RunFolder(work, final)
    try:
        yield run
    except BaseException:
        if run.keep:
            _settle(run, force)
        else:
            shutil.rmtree(work, ignore_errors=True)
        raise
    _settle(run, force)


def free_folder(name: str, *, runs: Path = RUNS) -> Path:
    """Folder that `run_folder` would give a run of this name."""
    return Path(os.path.abspath(_free(runs, slug(name))))


def refuse_stopped(final: Path, *, force: bool = False) -> None:
    """Refuse a place where a simulation was stopped that could go on."""
    if not force and (final / CHECKPOINT).is_dir() and not _full(final):
        raise InputError(
            f"{final}: a simulation was stopped here: go on with thermoplan simulate --resume {final}, or "
            "start anew with --force"
        )


def _settle(run: RunFolder, force: bool) -> None:
    """Move the work to its place; where that was taken meanwhile, to the next free name."""
    if _full(run.final) and not force:
        run.final = _free(run.final.parent, run.final.name)
    if not run.final.exists():
        os.rename(run.work, run.final)
    else:
        aside = Path(tempfile.mkdtemp(prefix=f".{run.final.name}.old.", dir=run.final.parent))
        os.rename(run.final, aside / "run")
        try:
            os.rename(run.work, run.final)
        except BaseException:
            os.rename(aside / "run", run.final)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    run.work = run.final


def refuse_full(final: Path, *, force: bool = False) -> None:
    """Refuse a place where something lies; with ``force`` only what is no run."""
    if final.exists() and not final.is_dir():
        raise InputError(f"{final}: is a file; choose another place with -o")
    if not _full(final):
        return
    if not force:
        raise InputError(f"{final}: the folder is not empty; choose another with -o, or use --force")
    if not any((final / mark).is_file() for mark in _MARKS):
        raise InputError(f"{final}: the folder is not empty and holds no run; --force replaces runs only")


def refuse_unwritable(final: Path) -> None:
    """Refuse a place, of a file or folder, where nothing can be written; leaves nothing there."""
    home = Path(os.path.abspath(final)).parent
    while not home.exists() and home != home.parent:
        home = home.parent
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as problem:
        raise InputError(f"{final}: cannot be written: {home}: {problem.strerror}; choose another place") from problem


def _full(folder: Path) -> bool:
    return folder.is_dir() and any(part.name != CHECKPOINT for part in folder.iterdir())


def _free(runs: Path, name: str) -> Path:
    names = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(runs / n for n in names if not (runs / n).exists())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
