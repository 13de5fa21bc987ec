"""What the README promises."""

from tests.pages import ROOT, blocks


def test_the_readme_reaches_a_first_fitted_model_within_40_lines():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert next(i for i, line in enumerate(lines) if ".fit(" in line) < 40


def test_the_examples_of_the_readme_run_one_after_the_other(capsys):
    names = {}
    for block in blocks("README.md"):
        exec(block, names)
    ode, svm = (float(line) for line in capsys.readouterr().out.splitlines())
    assert ode > svm
    assert names["scores"].shape == (4,)
    assert set(names["class_map"].ravel()) <= {3, 7}
