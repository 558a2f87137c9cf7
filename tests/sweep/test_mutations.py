"""Whatever is done to a sweep of the studies, reading it and working out its points gives points or messages, and no file."""

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edgesim.errors import EdgesimError
from edgesim.sweep.document import read_document
from edgesim.sweep.points import expand
from tests import test_mutations as mutations
from tests.outside import nothing_outside

STUDIES = mutations.ROOT / "experiments"
SWEEPS = sorted(STUDIES.glob("*/*.yaml"))
for study in SWEEPS:
    mutations.CONTENTS[study] = mutations.content(study)
    for place in mutations.places(mutations.CONTENTS[study]):
        mutations.VALUES.setdefault(str(place[-1]), []).append(mutations.at(mutations.CONTENTS[study], place))


def check(data: st.DataObject, tmp_path: Path) -> None:
    path = data.draw(st.sampled_from(SWEEPS))
    mutant = data.draw(mutations.mutants(path, mutations.ROUGH))
    file = tmp_path / "mutant.yaml"
    # what a study names beside itself, it names from where it lies
    file.write_bytes(mutant.replace(b"scenario: ../../", f"scenario: {mutations.ROOT}/".encode()))
    with mutations.no_hang(), nothing_outside(tmp_path):
        try:
            points = expand(read_document(file))
        except EdgesimError as error:
            said, code = str(error), error.exit_code
        else:
            event("valid")
            assert 1 <= len(points) <= 10_000
            return
    event("refused")
    assert code in (2, 3)
    assert said
    assert all(len(line) < 20_000 for line in said.splitlines())  # it may name every point
    assert [file.name for file in tmp_path.iterdir()] == ["mutant.yaml"]


@settings(max_examples=10)
@given(st.data())
def test_a_mutant_of_a_sweep_is_read_or_explained(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path)


@pytest.mark.slow
@settings(max_examples=120)
@given(st.data())
def test_many_mutants_of_sweeps_are_read_or_explained(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path)
