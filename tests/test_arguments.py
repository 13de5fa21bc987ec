"""How arguments are checked."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib import cpu_count
from sklearn.neighbors import KNeighborsClassifier

from sklearn_hsiode import Scene
from sklearn_hsiode import _cli as cli
from sklearn_hsiode._arguments import JOBS, PATH, Integer, Number, check, checked, naming
from sklearn_hsiode.benchmark import run_benchmark
from sklearn_hsiode.nn import ResidualUnit
from sklearn_hsiode.recipes import tuned

TOO_MANY = 20_000  # more threads than a process gets: OpenMP would end it
NO_NUMBERS = [True, False, np.True_, "1", None, 1j, b"1", [1], np.array([1])]


@checked(n=[Integer(1)], path=PATH)
def called(n, path="here", *, other=None):
    return n, path, other


@given(st.integers())
def test_an_integer_lies_between_its_bounds(number):
    for value in (number, np.int64(number) if abs(number) < 2**63 else number):
        assert Integer(-3, 7).is_satisfied_by(value) == (-3 <= number <= 7)
        assert Integer(5).is_satisfied_by(value) == (number >= 5)
        assert Integer(None, 5).is_satisfied_by(value) == (number <= 5)
        assert Integer().is_satisfied_by(value)


@given(st.floats() | st.integers())
def test_a_number_is_finite_and_lies_in_its_interval(number):
    assert Number(0, 1).is_satisfied_by(number) == (0 <= number <= 1)
    assert Number(0, 1, closed="neither").is_satisfied_by(number) == (0 < number < 1)
    assert Number(0, closed="left").is_satisfied_by(number) == (0 <= number < np.inf) or (
        number > 1e308  # an integer beyond all floats
    )


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_neither_truth_nor_text_is_a_number(value):
    assert not Integer().is_satisfied_by(value)
    assert not Number(closed="neither").is_satisfied_by(value)


@pytest.mark.parametrize("value", ["", "\x00", "\ud800", b"x", 3, None, True], ids=repr)
def test_what_no_file_can_be_called_is_no_path(value):
    with pytest.raises(TypeError, match=r"The 'path' parameter of called must be a path\."):
        called(1, path=value)


def test_a_checked_function_is_called_with_what_it_was_given():
    assert called(3, "there", other=5) == (3, "there", 5)
    assert called(n=3) == (3, "here", None)


def test_a_checked_function_names_itself_the_argument_and_what_it_may_be():
    message = r"The 'n' parameter of called must be an int in the range \[1, inf\)\. Got 0 instead"
    for error in (TypeError, ValueError):
        with pytest.raises(error, match=message):
            called(0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'm'"):
        called(1, m=2)


def test_an_error_that_names_no_argument_gets_the_name():
    with pytest.raises(ValueError, match="share: could not convert") as caught, naming("share"):
        float("half")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match=r"^share is wrong$"), naming("other, share"):
        raise ValueError("share is wrong")


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1, -2, -1000, 64, 4 * cpu_count()])
def test_jobs_are_counted_as_joblib_counts_them(n_jobs):
    check("this", {"n_jobs": JOBS}, n_jobs=n_jobs)


@pytest.mark.parametrize("n_jobs", [0, TOO_MANY, 10**30, True, 1.5, "2"])
def test_other_numbers_of_jobs_are_refused_wherever_they_are_taken(n_jobs, ode, pixels, scene):
    named = "'n_jobs' parameter"
    with pytest.raises(ValueError, match=named):
        ode.set_params(n_jobs=n_jobs).fit(*pixels)
    with pytest.raises(ValueError, match=named):
        tuned("svm", n_jobs=n_jobs)
    with pytest.raises(ValueError, match=named):
        run_benchmark(scene, {"a": KNeighborsClassifier()}, 2, n_jobs=n_jobs)


def test_a_fitted_network_takes_no_more_threads_either(ode, pixels):
    X, y = pixels
    model = ode.set_params(shortcut=False, max_epochs=1).fit(X, y).set_params(n_jobs=TOO_MANY)
    with pytest.raises(ValueError, match="'n_jobs' parameter"):
        model.predict(X)


def test_the_command_line_refuses_as_many_jobs(scene, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("field.npz", cube=scene.cube, gt=scene.labels)
    files = ["--scene", "field.npz", "--labels", "field.npz"]
    assert cli.main(["benchmark", *files, "--models", "coordinates", "--n-jobs", "20000"]) == 1
    assert "'n_jobs' parameter of run_benchmark" in capsys.readouterr().err


@pytest.mark.parametrize("error", [MemoryError, OSError, UserWarning])
def test_what_memory_and_disks_are_the_cause_of_is_no_wrong_argument(error):
    class Lazy:
        def __array__(self, *args, **kwargs):
            raise error("not here")

    for make in (lambda: Scene(Lazy()), lambda: Scene(np.zeros((2, 2, 1)), Lazy())):
        with pytest.raises(error, match="not here"):
            make()


def test_an_argument_that_is_missing_or_unknown_is_told_in_pythons_words():
    with pytest.raises(TypeError, match=r"called\(\) missing 1 required positional argument: 'n'"):
        called()
    with pytest.raises(TypeError, match=r"called\(\) got an unexpected keyword argument 'm'"):
        called(1, m=2)


def test_networks_are_traced_as_before():
    unit = ResidualUnit(4)
    images = torch.rand(2, 4, 5, 5)
    torch.testing.assert_close(torch.fx.symbolic_trace(unit)(images), unit(images))
