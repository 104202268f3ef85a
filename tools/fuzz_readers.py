"""Damaged files through every reader: `python tools/fuzz_readers.py --files 100000`

A whole file of each kind (`tests/reader_seeds.py`) is changed at random, as text, as bytes, as JSON or inside its
packing, and read. Nothing but a `ThermoplanError` may come out, within 10 s of processor time, and within three times
the file's unpacked size beside what the libraries take. Files are read in a forked process, which is started again
where one brings it down. What fails is kept under --keep, with what came out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from reader_seeds import Seed, write_seeds

from thermoplan.base.errors import ThermoplanError
from thermoplan.files.isolated import isolation

MOST_S = 10.0
SPARE_BYTES = 256 * 2**20
"""Memory of libraries that a reader loads, and of buffers."""
WORDS = (
    *(
        "-1",
        "0",
        "1",
        "nan",
        "inf",
        "-inf",
        "1e308",
        "1e-320",
        "2147483648",
        "99999999999",
        "18446744073709551616",
        "",
        "x",
        "é",
        "\0",
    ),
    *("9" * 400, "9" * 5000, "[" * 3000, "true", '"', "\n", ",", ";", "=", "{", "}", "<", ">", "/", "../../etc/passwd"),
)
NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
VALUES = (
    None,
    True,
    -1,
    0,
    1e308,
    -1e308,
    10**18,
    10**290,
    "",
    "x",
    "=1+1",
    [],
    {},
    [[]],
    [None],
    {"": None},
    "<b>",
    0.5,
    [1, 2, 3],
)


def changed_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, cut, doubled, moved, or replaced by whole numbers that count too much."""
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(7):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[at] = chance.randrange(256)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + chance.choice((1, 4, 16, 200))]
            case 4:
                piece = data[at : at + chance.choice((1, 8, 64, 512))]
                data[at:at] = piece * chance.choice((1, 2, 50))
            case 5:
                size = chance.choice((1, 2, 4, 8))
                value = chance.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 10))
                data[at : at + size] = value.to_bytes(size, chance.choice(("little", "big")))
            case _:
                other = chance.randrange(len(data) or 1)
                data[at : at + 8] = data[other : other + 8]
    return bytes(data)


def changed_text(raw: bytes, chance: random.Random) -> bytes:
    """One or a few numbers or words replaced, lines lost, doubled or changed about."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        lines, spans = raw.split(b"\n"), [match.span() for match in NUMBER.finditer(raw[:200_000])]
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0 | 1 if spans:
                start, end = chance.choice(spans)
                raw = raw[:start] + chance.choice(WORDS).encode() + raw[end:]
            case 2:
                raw = b"\n".join(lines[:at] + lines[at + 1 :])
            case 3:
                raw = b"\n".join([*lines[:at], lines[chance.randrange(len(lines))], *lines[at:]])
            case _:
                start = chance.randrange(len(raw) or 1)
                raw = raw[:start] + chance.choice(WORDS).encode() + raw[start + chance.choice((0, 1, 5)) :]
    return raw


def changed_json(raw: bytes, chance: random.Random) -> bytes:
    """Entries of a JSON record replaced by others of the record or of another type, or taken away."""
    record = json.loads(raw)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if not (parts := list(_containers(record))):
            break
        part = chance.choice(parts)
        key = chance.choice(list(part) if isinstance(part, dict) else range(len(part)))
        match chance.randrange(5):
            case 0:
                del part[key]
            case 1:
                part[key] = chance.choice(parts)
                record = json.loads(json.dumps(record)) if part[key] is not record else json.loads(raw)
            case 2 if isinstance(part[key], int | float) and not isinstance(part[key], bool):
                part[key] = part[key] * chance.choice((-1, 0, 1e6, 1e-300, 0.5))
            case 3 if isinstance(part[key], list):
                part[key] = part[key][: len(part[key]) // 2] if chance.random() < 0.5 else part[key] * 2
            case _:
                part[key] = chance.choice(VALUES)
    text = json.dumps(record)
    return text.encode()


def _containers(record: object):
    if isinstance(record, dict | list) and record:
        yield record
        for value in record.values() if isinstance(record, dict) else record:
            yield from _containers(value)


def changed(raw: bytes, name: str, chance: random.Random) -> bytes:
    """A change that suits the kind of file, or bytes at random."""
    if name.endswith(".json") and chance.random() < 0.7:
        try:
            return changed_json(raw, chance)
        except (RecursionError, ValueError):
            return changed_bytes(raw, chance)
    inside = unpacked(raw)
    if inside is not None and chance.random() < 0.7:
        return gzip.compress(changed_bytes(inside, chance), 1)
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in raw[:400]) > 0.9 * len(raw[:400])
    return (changed_text if printable and chance.random() < 0.7 else changed_bytes)(raw, chance)


def unpacked(raw: bytes) -> bytes | None:
    """Content of a file that is gzip as a whole."""
    try:
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else None
    except (OSError, EOFError, zlib.error):
        return None


def read_damaged(seed: Seed, raw: bytes) -> tuple[str, float, int]:
    """Fault (empty where there is none), processor time, and memory beside three times the file."""
    seed.path.write_bytes(raw)
    _forget_peak()
    before, start = _memory("VmRSS"), _processor_s()
    fault = ""
    try:
        with warnings.catch_warnings(action="ignore"):
            seed.read(seed.path)
    except ThermoplanError:
        pass
    except Exception:
        fault = traceback.format_exc()
    spent, grown = _processor_s() - start, _memory("VmHWM") - before - 3 * len(unpacked(raw) or raw)
    if spent > MOST_S:
        fault += f"{spent:.1f} s of processor time"
    if grown > SPARE_BYTES:
        fault += f"{grown / 2**20:.0f} MiB of memory"
    return fault, spent, grown


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def _processor_s() -> float:
    """Of this process, and of the forks of its reading server."""
    total = time.process_time()
    for server in isolation._RUNNING:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def damaged(seeds: dict[str, Seed], number: int, run: int) -> tuple[str, bytes]:
    """Kind and content of the file ``number`` of a run; kinds take turns."""
    name = list(seeds)[number % len(seeds)]
    chance = random.Random(f"{run} {number}")
    raw = WHOLE[name]
    for _ in range(chance.choice((1, 1, 2))):
        raw = changed(raw, seeds[name].path.name, chance)
    return name, raw


WHOLE: dict[str, bytes] = {}


def _work(seeds: dict[str, Seed], numbers: range, run: int, told: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, resource.RLIM_INFINITY))
    for number in numbers:
        name, raw = damaged(seeds, number, run)
        told.send((number, None))
        told.send((number, (name, *read_damaged(seeds[name], raw))))
    told.send(None)


def campaign(
    seeds: dict[str, Seed], count: int, run: int, tell: Callable[[int, str, bytes, str], None]
) -> tuple[Counter[str], dict[str, float], dict[str, int]]:
    """Files read of each kind, the longest time and the largest memory of each; ``tell`` is given every fault."""
    read: Counter[str] = Counter()
    longest: dict[str, float] = {}
    largest: dict[str, int] = {}
    start = 0
    while start < count:
        here, there = multiprocessing.Pipe(False)
        worker = multiprocessing.get_context("fork").Process(
            target=_work, args=(seeds, range(start, count), run, there)
        )
        worker.start()
        there.close()
        current = start
        while True:
            try:
                # processor time is limited, but a reader may sleep
                message = here.recv() if here.poll(60.0) else (current, ("?", "nothing for 60 s", 60.0, 0))
            except EOFError:
                worker.join()
                message = (current, ("?", f"the process ended with {worker.exitcode}", 0.0, 0))
            if message is None:
                start = count
                break
            current, found = message
            if found is None:
                continue
            name, fault, spent, grown = found
            name = list(seeds)[current % len(seeds)] if name == "?" else name
            read[name] += 1
            longest[name], largest[name] = max(spent, longest.get(name, 0.0)), max(grown, largest.get(name, 0))
            if fault:
                tell(current, name, damaged(seeds, current, run)[1], fault)
            if found[0] == "?":
                start = current + 1
                worker.kill()
                break
        worker.join()
    return read, longest, largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", help="of the seeds; all without")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds = write_seeds(Path(folder))
        WHOLE.update({name: seed.path.read_bytes() for name, seed in seeds.items()})
        seeds = {name: seed for name, seed in seeds.items() if not asked.kinds or name in asked.kinds}
        kinds: Counter[str] = Counter()

        def tell(number: int, name: str, raw: bytes, fault: str) -> None:
            last = " | ".join(fault.strip().splitlines()[-3:])
            kinds[f"{name}: {last[-200:]}"] += 1
            if kinds[f"{name}: {last[-200:]}"] <= 3:
                print(f"{number} {name}: {last[-400:]}", flush=True)
                asked.keep.mkdir(parents=True, exist_ok=True)
                (asked.keep / f"{number}-{name}-{seeds[name].path.name}").write_bytes(raw)
                (asked.keep / f"{number}-{name}.txt").write_text(fault)

        read, longest, largest = campaign(seeds, asked.files, asked.seed, tell)
    for name in read:
        most = f"{longest[name]:5.2f} s, {largest[name] / 2**20:5.0f} MiB beside 3 times the file"
        print(f"{name:14} {read[name]:7} files, at most {most}")
    print(f"{read.total()} files, {kinds.total()} faults of {len(kinds)} kinds")
    sys.exit(bool(kinds))


if __name__ == "__main__":
    main()
