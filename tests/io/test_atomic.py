import pytest

from sklearn_hsiode.io.writers import complete_file


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "table.md"
    with complete_file(path) as unfinished:
        unfinished.write_text("half")
        assert not path.exists()
        unfinished.write_text("half and half")
    assert path.read_text() == "half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.md"
    path.write_text("old")

    def fail():
        with complete_file(path) as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), complete_file(tmp_path / "no" / "x") as unfinished:
        unfinished.write_text("x")
    assert not list(tmp_path.iterdir())
