"""The study of solvers: which networks, how they are re-solved, and what is told of them."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ResNetClassifier
from sklearn_hsiode.benchmark import (
    draw_solvers,
    resolved_accuracy,
    run_benchmark,
    solver_models,
    solvers_table,
)
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.nn import ODENet
from sklearn_hsiode.recipes import Recipe

TINY = Recipe(patch_size=3, training={"n_filters": 4, "max_epochs": 1})
EVALUATIONS = {
    "euler, 1 step": 1,
    "euler, 2 steps": 2,
    "euler, 4 steps": 4,
    "euler, 8 steps": 8,
    "midpoint, 1 step": 2,
    "midpoint, 2 steps": 4,
    "rk4, 1 step": 4,
    "rk4, 2 steps": 8,
}
ADAPTIVE = "dopri5 at 0.001"
BODIES = {
    "ResNet, 6 units": (6, False),
    "ResNet, 6 tied units": (6, True),
    "one residual unit": (1, False),
    "no body": (0, False),
}


def rows_of(table):
    lines = [re.split(r"\s*\|\s*", line)[1:-1] for line in table.splitlines()]
    return {line[0]: line[1:] for line in (lines[0], *lines[2:])}


@pytest.fixture(scope="module")
def study(scene):
    """The whole study of tiny networks, once."""
    cv = PerClassShuffleSplit(0.1, n_splits=2, random_state=0)
    return run_benchmark(scene, solver_models(TINY), cv, measure=resolved_accuracy, progress=False)


def test_the_study_is_of_solvers_and_bodies():
    models = solver_models(TINY)
    assert list(models) == [ADAPTIVE, *EVALUATIONS, *BODIES]
    assert list(solver_models()) == list(models)
    for name, model in models.items():
        network = model[-1]
        assert model[0].patch_size == 3
        assert (network.n_filters, network.max_epochs) == (4, 1)
        if name in BODIES:
            assert isinstance(network, ResNetClassifier)
            assert (network.n_blocks, network.tied) == BODIES[name]
        elif name in EVALUATIONS:
            solver, n_steps = re.fullmatch(r"(\w+), (\d) steps?", name).groups()
            assert (network.solver, network.n_steps) == (solver, int(n_steps))
        else:
            assert (network.solver, network.rtol, network.atol) == ("dopri5", 1e-3, 1e-3)


def test_the_study_is_the_same_whatever_the_recipes_own_solver():
    other = solver_models(replace(TINY, networks={"ode-net": {"solver": "heun3", "rtol": 0.5}}))
    for name, model in solver_models(TINY).items():
        assert repr(other[name]) == repr(model)


@pytest.mark.parametrize("solver", ["euler", "dopri5"])
def test_the_resolved_accuracy_is_that_of_a_network_built_by_hand(scene, extractor, ode, solver):
    X, y = scene.labeled_pixels()
    train, test = next(PerClassShuffleSplit(0.2, random_state=0).split(X, y))
    ode.set_params(solver=solver, n_steps=1, max_epochs=20, precision="float64", shortcut=False)
    fitted = make_pipeline(extractor, ode).fit(X[train], y[train])
    trained = fitted[-1].net_.plain_module_
    network = ODENet(8, 3, n_filters=8, solver="dopri5", rtol=1e-5, atol=1e-5).double()
    network.load_state_dict(trained.network.state_dict())
    patches = torch.as_tensor(np.asarray(extractor.fit(X).transform(X[test]))).double()
    with torch.no_grad():
        logits = network((patches - trained.mean) / trained.scale)
    accuracy = (scene.classes[logits.argmax(dim=1)] == y[test]).mean()
    (figure,) = resolved_accuracy(fitted, X[test], y[test]).values()
    assert figure == pytest.approx(accuracy)
    assert fitted[-1].solver == solver
    if solver == "euler":  # one step of it is far from the solution
        assert figure != fitted.score(X[test], y[test])


def test_a_network_without_an_ode_is_not_resolved(pixels, extractor):
    X, y = pixels
    resnet = ResNetClassifier(n_filters=4, n_blocks=1, max_epochs=1)
    assert resolved_accuracy(make_pipeline(extractor, resnet).fit(X, y), X, y) == {}


def test_the_table_has_a_row_per_body_with_its_evaluations(study):
    table = rows_of(solvers_table(study))
    assert list(table) == ["body", ADAPTIVE, *EVALUATIONS, *BODIES]
    for name, evaluations in EVALUATIONS.items():
        assert table[name][0] == str(evaluations)
    assert int(table[ADAPTIVE][0]) > 6
    for name in BODIES:
        assert table[name][0] == table[name][2] == ""


def test_the_table_tells_accuracy_as_trained_and_resolved_times_and_parameters(study):
    table = rows_of(solvers_table(study))
    del table["body"]
    for name, (_, trained, resolved, fit, predict, n_parameters) in table.items():
        runs = [run for run in study if run.model == name]
        accuracies = 100 * np.array([run.overall_accuracy for run in runs])
        assert trained == f"{accuracies.mean():.2f} ± {accuracies.std():.2f}"
        if name not in BODIES:
            again = [100 * figure for run in runs for figure in run.measured.values()]
            assert resolved == f"{np.mean(again):.2f} ± {np.std(again):.2f}"
        assert fit == f"{np.mean([run.fit_seconds for run in runs]):.1f}"
        assert predict == f"{np.mean([run.predict_seconds for run in runs]):.1f}"
        assert n_parameters == f"{runs[0].n_parameters:,}"
    assert table["ResNet, 6 tied units"][-1] == table["one residual unit"][-1]


def test_a_solution_of_high_order_hardly_changes_when_it_is_resolved(scene):
    X, y = scene.labeled_pixels()
    model = solver_models(TINY)["rk4, 2 steps"]
    model[-1].set_params(max_epochs=5, random_state=0)  # more than one: few pixels at a border
    (figure,) = resolved_accuracy(model.fit(X, y), X, y).values()
    assert figure == pytest.approx(model.score(X, y), abs=0.02)


def test_the_plot_has_a_point_per_body(study, tmp_path, figures):
    draw_solvers(study, tmp_path / "solvers.png")
    assert (tmp_path / "solvers.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["solvers.png"]
    accuracy, cost = figures[0].axes
    points = {
        series.get_label(): np.column_stack(series.lines[0].get_data())
        for series in accuracy.containers
    }
    trained, resolved, residual = (
        points[label]
        for label in ("ODE-net as trained", "re-solved by dopri5 at 1e-5", "residual units")
    )
    assert len(trained) == len(resolved) == 1 + len(EVALUATIONS)
    assert len(residual) == len(BODIES)
    names = [label.get_text() for label in accuracy.get_yticklabels()]
    assert names == [ADAPTIVE, *EVALUATIONS, *BODIES]
    (bars,) = cost.containers
    for name, (oa, _) in ((ADAPTIVE, trained[0]), ("no body", residual[-1])):
        runs = [run for run in study if run.model == name]
        assert oa == pytest.approx(100 * np.mean([run.overall_accuracy for run in runs]))
        seconds = bars[names.index(name)].get_width()
        assert seconds == pytest.approx(np.mean([run.fit_seconds for run in runs]))
    assert {text.get_text() for text in accuracy.get_legend().get_texts()} == set(points)


def test_a_plot_that_cannot_be_written_leaves_nothing(study, tmp_path):
    with pytest.raises(OSError, match="missing"):
        draw_solvers(study, tmp_path / "missing" / "solvers.png")
    assert not list(tmp_path.iterdir())
