"""Campaign of mutated protocols through `check`: nothing uncaught, nothing wrong accepted, every refusal a whole one.

    python tools/mutate_protocols.py --count 4000 --seed 1 --show 100

The mutants are those of ``tests/protocol_mutants.py``. Each ends within ten seconds of processor time, and the process
stays under a gigabyte; it ends with 1 where one does not.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

MOST_MB = 1000.0
"""Peak memory of the whole campaign."""
MOST_BYTES = 4_000_000_000
"""Address space beyond which the process is refused memory, so that a runaway cannot take the machine along."""


def main() -> int:
    """Run the campaign; 1 where a mutant ended badly."""
    root = Path(__file__).parents[1]
    sys.path[:0] = [str(root), str(root / "tests")]
    from protocol_mutants import faults, mutants, write_inputs
    from small_case import write_case

    from thermoplan.base.memory import peak_memory_mb

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print as many messages, spread over the kinds")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.RLIM_INFINITY))
    ends: Counter[tuple[str, str]] = Counter()
    bad, slowest = 0, 0.0
    every = max(1, asked.count // asked.show) if asked.show else 0
    with tempfile.TemporaryDirectory() as folder:
        path = write_case(Path(folder))
        write_inputs(path.parent)
        for number, mutant in enumerate(mutants(asked.count, asked.seed)):
            start = time.process_time()
            found, message = faults(mutant, path)
            slowest = max(slowest, time.process_time() - start)
            ends[mutant.kind, "refused" if message else "accepted"] += 1
            if found:
                bad += 1
                print(f"BAD {number} ({mutant.kind}) {mutant.said}: {found[:3]}", flush=True)
            elif message and every and number % every == 0:
                print(f"{number} ({mutant.kind}) {mutant.said}\n    {message[:600]}", flush=True)
    for (kind, end), count in sorted(ends.items()):
        print(f"{kind:<26} {end:<9} {count}")
    print(f"{asked.count} mutants, {bad} bad, slowest {slowest:.1f} s, peak memory {peak_memory_mb():.0f} MB")
    return int(bad > 0 or peak_memory_mb() > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
