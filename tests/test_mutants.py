"""A sample of the campaign of `tools/mutate_protocols.py`: no mutant is uncaught or wrongly accepted."""

from __future__ import annotations

import pytest
from protocol_mutants import KINDS, MORE, Mutant, faults, mutants, write_inputs
from small_case import PROTOCOL, write_case

SEEDS = (11, 12)
EACH = 3 * len(KINDS)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = write_case(tmp_path_factory.mktemp("mutants"))
    write_inputs(made.parent)
    return made


def test_the_protocol_that_is_mutated_is_a_right_one(path):
    assert faults(Mutant(PROTOCOL + MORE, "none", wrong=False), path) == ([], "")
    assert faults(Mutant(PROTOCOL + MORE, "none", wrong=True, said="as it is"), path)[0] == ["accepted: as it is"]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mutant_is_uncaught_or_accepted_and_every_refusal_names_file_key_value_and_remedy(path, seed):
    found = [(mutant.kind, mutant.said, faults(mutant, path)[0]) for mutant in mutants(EACH, seed)]
    assert len(found) == EACH and [entry for entry in found if entry[2]] == []
