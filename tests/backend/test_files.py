"""Files appear whole or not at all, and a place that cannot be written is found out beforehand."""

import pytest

from npae.backend import atomic_write, check_place


def test_the_file_appears_at_the_end(tmp_path):
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_good_place_is_made_and_left_clean(tmp_path):
    check_place(tmp_path / "new" / "folder" / "a")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_bad_places_are_said(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "b" / "a", tmp_path):
        with pytest.raises(OSError, match="Cannot write .*Choose another place"):
            check_place(path)
