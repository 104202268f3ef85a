"""What a test of ranks has mpiexec run: simulations that are left by some ranks and gone on with by others."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from thermoplan.base.plain_data import plain
from thermoplan.plan import simulate
from thermoplan.plan.verification.resume import Checkpoints, describe_checkpoint, read_checkpoint
from thermoplan.protocol import read_protocol


class Left(Exception):
    pass


def leaving(stage, fraction, text):
    """A listener that has enough half way through the full model."""
    if stage == "full model" and fraction is not None and fraction > 0.5:
        raise Left(text)


def left(protocol, run, crew=None):
    saved = Checkpoints(run, describe_checkpoint(read_protocol(protocol), None, {}), 0.0)
    try:
        simulate(protocol, checkpoints=saved, crew=crew, listener=leaving)
    except Left:
        return
    raise AssertionError("it was done before it could be left")


def gone_on(run, crew=None):
    """What `resume_and_write` does before it writes: the history, and where it began."""
    protocol, trajectory, options = read_checkpoint(run)
    plan = simulate(protocol, trajectory, checkpoints=Checkpoints(run, {}, resuming=True), crew=crew, **options)
    return plan.record["history"], [line for line in plan.stages.log if "goes on from" in line]


def resumed(protocol, crew):
    """Histories of the whole by one process, and of runs left and gone on with by other numbers of ranks."""
    folder, found = protocol.parent, {}
    left(protocol, folder / "two", crew)
    found["two, two"] = gone_on(folder / "two", crew)
    found["whole"] = simulate(protocol).record["history"], []
    found["two, one"] = gone_on(folder / "two")
    left(protocol, folder / "one")
    found["one, two"] = gone_on(folder / "one", crew)
    return found


def main():
    from thermoplan.bioheat.ranks.crew import among_ranks

    protocol = Path(sys.argv[1])
    found = among_ranks(lambda crew: resumed(protocol, crew))
    if found:
        (protocol.parent / "found.json").write_text(json.dumps(plain(found)))


if __name__ == "__main__":
    main()
