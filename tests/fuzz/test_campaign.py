"""The fuzzer: its mutants can be made again, the readers keep what they promise, and planted faults are found."""

import os
import random
from contextlib import closing

import pytest

from tests.fuzz import campaign
from tests.fuzz.__main__ import main
from tests.fuzz.readers import PLANTED, READERS, reader
from tests.fuzz.worker import STATUS

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # edits make odd archives and numbers
    pytest.mark.skipif(os.name == "nt", reason="on Windows (the fuzzer's limits need signals)"),
]


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory):
    return {name: one.valid(tmp_path_factory.mktemp(name)) for name, one in READERS.items()}


def test_a_few_mutants_of_every_reader_are_refused_or_usable(tmp_path):
    lines = []
    counts = campaign.run(seed=0, count=2, keep=tmp_path, report=lines.append)
    assert not lines, "\n".join(lines)
    assert all(count.verdicts["loaded"] for count in counts.values()), "not even the valid files were loaded"
    assert sum(count.verdicts["refused"] for count in counts.values()) > 4


@pytest.mark.skipif("pictures" not in READERS, reason="could not import 'PIL'")
@pytest.mark.slow
def test_a_picture_of_one_colour_costs_what_limits_allow(tmp_path):
    """It takes less memory than the floor of pictures, which is above that of other files; a larger one is refused."""
    from PIL import Image

    least = reader("pictures").least
    with closing(campaign.Worker()) as worker:
        for side, expected in ((4000, "loaded"), (8000, "refused")):
            Image.new("RGB", (side, side)).save(tmp_path / f"{side}.gif")
            verdict, reason, _, megabytes = worker.judge("pictures", tmp_path / f"{side}.gif")
            assert verdict == expected, reason
            assert megabytes * 1e6 <= least
    assert least > reader("tables").least


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name == "detectors" else name for name in READERS
])  # fmt: skip
def test_mutants_follow_from_the_seed(name, valid_files):
    files = valid_files[name]
    first, second = ([campaign.mutant(name, files, 7, k) for k in range(20)] for _ in range(2))
    assert first == second
    assert first != [campaign.mutant(name, files, 8, k) for k in range(20)]
    assert len({data for _, _, data in first}) > 10


@pytest.mark.parametrize("name", READERS)
def test_every_edit_changes_some_file(name, valid_files):
    for edit in {edit.__name__: edit for edit in reader(name).edits}.values():
        assert any(_changes(edit, data, k) for k in range(10) for data in valid_files[name].values()), edit.__name__


def _changes(edit, data, k):
    try:
        return edit(data, random.Random(k)) != data
    except Exception:  # an array edit of a file that has none, for example
        return False


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name in ("planted-take_time", "planted-wait_for_ever") else name
    for name in sorted(PLANTED.keys() - {"planted-refuse"})
])  # fmt: skip
def test_a_planted_fault_is_found_and_its_file_kept(name, tmp_path):
    if name == "planted-take_memory" and not STATUS.exists():
        pytest.skip("on a system without /proc/self/status (memory is not measured)")
    counts = campaign.run(seed=0, names=[name], count=1, keep=tmp_path, report=lambda text: None, patience=3)
    verdicts, faults = counts[name].verdicts, counts[name].faults
    assert verdicts["wrong"] == 1 and verdicts["loaded"] == 1, "the valid file is loaded, the mutant is wrong"
    ((k, base, _, _, kept),) = next(iter(faults.values()))
    assert kept.read_bytes() == campaign.mutant(name, PLANTED[name].valid(tmp_path), 0, k)[2] and base == "valid"


def test_a_good_reader_is_found_good():
    counts = campaign.run(seed=0, names=["planted-refuse"], count=20)
    assert counts["planted-refuse"].verdicts == {"refused": 20, "loaded": 1}


def test_the_command_prints_a_table_and_returns_a_status(capsys, tmp_path):
    assert main(["--count", "1", "--readers", "tables", "--seed", "3", "--keep", str(tmp_path)]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["reader", "tried", "refused", "loaded", "wrong"] and rows[0].split()[1] == "3"
    assert main(["--count", "1", "--readers", "planted-no_sentence", "--keep", str(tmp_path)]) == 1
    (kept,) = tmp_path.iterdir()
    out = capsys.readouterr().out
    assert str(kept) in out and "seed 0, mutant 0 of valid" in out
    assert main(["read", "planted-no_sentence", str(kept)]) == 1
    with pytest.raises(SystemExit):
        main(["--seed", "1"])
