"""The models that a benchmark compares: tuned ones, or those of a recipe."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier, Scene
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.benchmark import benchmark_models, run_benchmark
from sklearn_hsiode.benchmark._fingerprint import model_parameters
from sklearn_hsiode.benchmark._models import MODELS
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.persistence._trust import TRUSTED
from sklearn_hsiode.recipes import PAPER, Recipe, tuned

NAMES = ["ode-net", "resnet", "svm", "random-forest", "logistic-regression", "coordinates"]


def test_all_six_models_come_in_the_order_of_their_names():
    assert list(benchmark_models()) == NAMES
    assert list(benchmark_models(["svm", "ode-net"])) == ["svm", "ode-net"]


def test_an_unknown_name_comes_with_the_known_ones():
    with pytest.raises(ValueError, match=r"Unknown model 'SVM': choose among ode-net, .*coordinat"):
        benchmark_models(["ode-net", "SVM"])


def test_the_coordinates_stand_in_the_comparison_bare():
    for recipe in (None, PAPER):
        models = benchmark_models(["coordinates"], recipe)
        assert isinstance(models["coordinates"], CoordinateClassifier)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_without_a_recipe_every_model_is_the_tuned_one(name):
    assert model_parameters(benchmark_models([name])[name]) == model_parameters(tuned(name))


@pytest.mark.parametrize("name", NETWORKS)
def test_one_entry_makes_a_network_a_model_with_its_title_and_own_parameters(name):
    entry = NETWORKS[name]
    assert MODELS[name].title == entry.title
    assert type(benchmark_models([name], Recipe())[name][-1]) is entry.classifier
    assert set(entry.options) <= set(MODELS[name].options)
    assert set(entry.options) <= set(entry.classifier().get_params())
    assert f"{entry.classifier.__module__}.{entry.classifier.__name__}" in TRUSTED


# The paper's recipe


def test_the_papers_learning_rate_falls_tenfold_after_60_100_and_140_epochs(scene):
    X, y = scene.labeled_pixels()
    few = [np.flatnonzero(y == label)[0] for label in scene.classes]
    recipe = Recipe(**{**vars(PAPER), "patch_size": 5})
    model = benchmark_models(["resnet"], recipe)["resnet"]
    model.set_params(resnetclassifier__n_filters=4, resnetclassifier__n_blocks=0)
    (group,) = model.fit(X[few], y[few])[-1].net_.optimizer_.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 0, False)
    rates = [epoch["lr"] for epoch in model[-1].history_]
    expected = [0.1] * 60 + [0.01] * 40 + [0.001] * 40 + [0.0001] * 20
    np.testing.assert_allclose(rates, expected)


def test_the_papers_networks_have_the_papers_parameters(indian_pines):
    X, y = indian_pines.labeled_pixels()
    few = [np.flatnonzero(y == label)[0] for label in indian_pines.classes]
    models = benchmark_models(["ode-net", "resnet"], PAPER)
    for model, n_parameters in zip(models.values(), (232_080, 601_872), strict=True):
        model[-1].set_params(max_epochs=1)
        assert model.fit(X[few], y[few])[-1].n_parameters_ == n_parameters


def test_the_papers_networks_see_the_standardised_first_component_of_the_whole_scene(scene):
    X, y = scene.labeled_pixels()
    train, _ = next(PerClassShuffleSplit(0.1, random_state=0).split(X, y))
    before = benchmark_models(["ode-net"], PAPER)["ode-net"][:-1].fit(X[train])
    patches = np.asarray(before.transform(X))

    spectra = scene.cube.reshape(-1, scene.n_bands).astype(float)
    centered = spectra - spectra.mean(axis=0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    component = (u[:, 0] * s[0]).reshape(scene.mask.shape)
    component /= component.std()
    middle = patches[:, 0, 11, 11]
    assert abs(middle).max() > 0
    sign = np.sign(middle @ component[X.rows, X.cols])
    padded = np.pad(sign * component, 11)
    expected = [
        padded[row : row + 23, col : col + 23] for row, col in zip(X.rows, X.cols, strict=True)
    ]
    assert patches.shape == (len(X), 1, 23, 23)
    np.testing.assert_allclose(patches[:, 0], expected, atol=1e-4)


def test_components_are_of_valid_pixels_alone(scene):
    cube = scene.cube.copy()
    cube[:6] = 30_000
    mask = np.ones(scene.mask.shape, dtype=bool)
    mask[:6] = False
    masked = Scene(cube, scene.labels, mask=mask)
    X, _ = masked.labeled_pixels()
    components = benchmark_models(["resnet"], Recipe(components=2))["resnet"][0].fit_transform(X)
    values = components.scene.cube[mask]
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-6)


# Recipes of one's own


def test_a_recipe_decides_how_the_networks_see_and_learn_and_no_other_model():
    recipe = Recipe(
        7, "edge", 4, {"lr": 0.5, "max_epochs": 3}, {"ode-net": {"solver": "rk4", "n_steps": 2}}
    )
    models = benchmark_models(NAMES, recipe)
    for name in ("ode-net", "resnet"):
        components, extractor, network = (step for _, step in models[name].steps)
        assert components.fit_on == "scene"
        assert components.transformer[0].n_components == 4
        assert (extractor.patch_size, extractor.padding) == (7, "edge")
        assert (network.lr, network.max_epochs) == (0.5, 3)
    assert (models["ode-net"][-1].solver, models["ode-net"][-1].n_steps) == ("rk4", 2)
    others = benchmark_models(NAMES, PAPER)
    for name in NAMES[2:]:
        assert repr(models[name]) == repr(others[name])


def test_the_default_recipe_is_the_defaults_of_the_package():
    models = benchmark_models(["ode-net", "resnet"], Recipe())
    ode, resnet = (models[name] for name in models)
    assert repr(ode[-1]) == repr(ODENetClassifier())
    assert repr(resnet[-1]) == repr(ResNetClassifier())
    for model in models.values():
        assert [type(step).__name__ for step in model][:-1] == ["PatchExtractor"]
        assert repr(model[0]) == repr(PatchExtractor())


def test_recipes_share_no_network(scene):
    first, second = (benchmark_models(["ode-net"], PAPER)["ode-net"] for _ in range(2))
    first[-1].set_params(lr=9)
    assert second[-1].lr == PAPER.training["lr"] == 0.1


# The classical models


@pytest.mark.parametrize(
    ("name", "first_step"),
    [
        ("svm", StandardScaler),
        ("random-forest", RandomForestClassifier),
        ("logistic-regression", StandardScaler),
    ],
)
def test_classical_models_are_tuned_on_training_pixels_alone(scene, monkeypatch, name, first_step):
    seen = []
    fit = first_step.fit

    def watched(self, X, y=None, *args, **kwargs):
        seen.append(set(X.positions.tolist()))
        return fit(self, X, y, *args, **kwargs)

    monkeypatch.setattr(first_step, "fit", watched)
    search = benchmark_models([name], PAPER)[name]
    parameter, values = next(iter(search.param_grid.items()))
    search.set_params(param_grid={parameter: values[:2]})
    if name == "random-forest":
        search.set_params(estimator__n_estimators=3)
    X, y = scene.labeled_pixels()
    cv = PerClassShuffleSplit(0.3, n_splits=1, random_state=1)
    (run,) = run_benchmark(scene, {name: search}, cv, progress=False)
    ((train, _),) = cv.split(X, y)
    training = set(X.positions[train].tolist())
    assert len(seen) == 3 * 2 + 1
    assert all(pixels < training for pixels in seen[:-1])
    assert seen[-1] == training
    assert run.overall_accuracy > 0.5


@pytest.mark.parametrize("name", NAMES[2:])
def test_models_without_a_network_learn(scene, name):
    X, y = scene.labeled_pixels()
    model = benchmark_models([name], PAPER)[name]
    if name == "random-forest":
        model.set_params(estimator__n_estimators=10)
    train, test = next(PerClassShuffleSplit(0.3, random_state=1).split(X, y))
    assert model.fit(X[train], y[train]).score(X[test], y[test]) > 0.7
