"""What the classifiers take, and what they say of what they cannot take."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier, Scene
from sklearn_hsiode._gather import ArrayGatherer
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.nn import SOLVERS

few_examples = settings(deadline=None, max_examples=20)
SMALL = {
    "n_filters": 8,
    "optimizer": "adamw",
    "lr": 1e-2,
    "gate": 0.5,
    "max_epochs": 2,
    "batch_size": 32,
    "device": "cpu",
    "random_state": 0,
}


def ode_net(**parameters):
    return ODENetClassifier(**(SMALL | {"solver": "euler", "n_steps": 1} | parameters))


def res_net(**parameters):
    return ResNetClassifier(**(SMALL | {"n_blocks": 1} | parameters))


both = pytest.mark.parametrize("new", [ode_net, res_net])


def probabilities(model, X, y):
    return model.fit(X, y).predict_proba(X)


def patches_of(X, size):
    return PatchExtractor(size).fit_transform(X)


# Forms of X that mean the same


@both
def test_patches_of_a_scene_and_an_array_of_patches_mean_the_same(new, pixels):
    X, y = pixels
    lazy = patches_of(X, 5)
    model = new(validation="random")  # an array does not know where its blocks would lie
    expected = probabilities(model, lazy, y)
    np.testing.assert_allclose(model.predict_proba(np.asarray(lazy)), expected, atol=1e-6)
    np.testing.assert_allclose(probabilities(model, np.asarray(lazy), y), expected, atol=1e-4)


@pytest.mark.parametrize("n_bands", [1, 8])
def test_mini_batches_of_both_lie_in_memory_alike(pixels, n_bands):
    # Convolutions take another way, and other last digits, for other strides.
    lazy = patches_of(pixels[0][:, :n_bands], 5)
    ready_made = ArrayGatherer(np.asarray(lazy), torch.device("cpu"), torch.float32)
    a, b = (gather([3, 1]) for gather in (lazy.gatherer(), ready_made))
    assert torch.equal(a, b)
    assert a.stride() == b.stride()


@both
def test_pixels_and_spectra_are_patches_of_one_pixel(new, pixels):
    X, y = pixels
    spectra = np.asarray(X)
    model = new(validation="random")  # of arrays it is, since they do not know where they lie
    expected = probabilities(model, patches_of(X, 1), y)
    for same in (X, spectra, spectra[:, :, np.newaxis, np.newaxis], spectra.tolist()):
        np.testing.assert_allclose(probabilities(model, same, y), expected, atol=1e-5)


@both
@pytest.mark.parametrize(
    "dtype", ["int16", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64", ">i2"]
)
def test_numbers_of_any_type_mean_the_same(new, dtype):
    random = np.random.RandomState(0)
    X = random.randint(0, 1000, size=(40, 3, 3, 3))
    y = np.arange(40) % 2
    expected = probabilities(new(), X.astype(float), y)
    np.testing.assert_allclose(probabilities(new(), X.astype(dtype), y), expected, atol=1e-6)


@both
@pytest.mark.parametrize(
    "dtype", ["int16", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64", ">i2"]
)
def test_scenes_of_any_type_mean_the_same(new, scene, dtype):
    cube = scene.cube // 16  # to the range of float16's integers
    X, y = Scene(cube, scene.labels).labeled_pixels()
    other, _ = Scene(cube.astype(dtype), scene.labels).labeled_pixels()
    pipeline = make_pipeline(PatchExtractor(5), new())
    expected = pipeline.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(pipeline.fit(other, y).predict_proba(other), expected, atol=1e-6)


@both
def test_booleans_are_numbers(new):
    X = np.random.RandomState(0).normal(size=(40, 3)) > 0
    y = np.arange(40) % 2
    np.testing.assert_allclose(
        probabilities(new(), X, y), probabilities(new(), X.astype(float), y), atol=1e-6
    )


def test_a_model_maps_another_scene(pixels):
    X, y = pixels
    model = make_pipeline(PatchExtractor(5), ode_net()).fit(X, y)
    other = make_scene((10, 30), n_bands=8, n_classes=3, random_state=1).pixels()
    assert model.predict_proba(other).shape == (300, 3)


@both
@pytest.mark.parametrize(
    "names",
    [
        np.array(["water", "tree", "asphalt"]),
        np.array(["water", "tree", "asphalt"], dtype=object),
        np.array([300, -5, 7], dtype=np.int16),
        np.array([1.0, 2.0, 30.0]),
    ],
    ids=["strings", "objects", "unordered integers", "floats"],
)
def test_labels_are_strings_or_numbers(new, pixels, names):
    X, y = pixels
    labels = names[y - 1]
    model = new().fit(X, labels)
    assert model.classes_.tolist() == sorted(names)
    predicted = model.predict(X)
    assert predicted.dtype == labels.dtype
    assert set(predicted) <= set(names)
    order = np.argsort(names)
    by_code = probabilities(new(), X, np.argsort(order)[y - 1])
    np.testing.assert_array_equal(model.predict_proba(X), by_code)
    np.testing.assert_array_equal(predicted, names[order][by_code.argmax(axis=1)])


def test_two_boolean_classes(pixels):
    X, y = pixels
    model = ode_net().fit(X, y == 1)
    assert model.predict(X).dtype == bool


@both
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 9, 10, 11, 15])
def test_patches_of_any_size(new, size):
    X = np.random.RandomState(0).normal(size=(6, 2, size, size))
    given = probabilities(new(max_epochs=1), X, np.arange(6) % 2)
    assert given.shape == (6, 2)
    np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)


@both
@pytest.mark.parametrize("n_filters", [1, 2, 3, 7, 24, 33])
def test_any_number_of_filters(new, n_filters, pixels):
    X, y = pixels
    given = probabilities(new(n_filters=n_filters, max_epochs=1), X[::10], y[::10])
    np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("solver", list(SOLVERS))
@pytest.mark.parametrize("adjoint", [False, True])
def test_every_solver_trains(pixels, solver, adjoint):
    X, y = pixels
    model = ode_net(solver=solver, n_steps=2, rtol=1e-1, atol=1e-1, adjoint=adjoint)
    model.set_params(max_epochs=1).fit(X[::8], y[::8])
    assert np.isfinite(model.history_[0]["loss"])
    assert model.n_function_evaluations_ >= 2


# Shapes


@both
@pytest.mark.parametrize(
    "shape", [(6,), (6, 2, 3), (6, 2, 3, 5), (6, 2, 3, 3, 1)], ids=lambda shape: f"{len(shape)}-D"
)
def test_the_shape_of_x_is_named(new, shape):
    with pytest.raises(ValueError, match=r"\(n, bands, size, size\)|Expected 2D array"):
        new().fit(np.zeros(shape), np.arange(6) % 2)


@both
@pytest.mark.parametrize("as_array", [False, True])
def test_another_number_of_bands_at_predict_is_an_error(new, pixels, as_array):
    X, y = pixels
    convert = np.asarray if as_array else lambda patches: patches
    model = new().fit(convert(patches_of(X, 3)), y)
    for bands in ([0, 1, 2], [*range(8), 0]):
        message = f"X has {len(bands)} features, but {type(model).__name__} is expecting 8"
        for method in (model.predict, model.predict_proba):
            with pytest.raises(ValueError, match=message):
                method(convert(patches_of(X[:, bands], 3)))
        with pytest.raises(ValueError, match=message):
            model.score(convert(patches_of(X[:, bands], 3)), y)


@both
@pytest.mark.parametrize("as_array", [False, True])
def test_another_patch_size_at_predict_is_an_error(new, pixels, as_array):
    X, y = pixels
    convert = np.asarray if as_array else lambda patches: patches
    model = new().fit(convert(patches_of(X, 3)), y)
    with pytest.raises(ValueError, match=r"patches of 5 x 5.*fitted on patches of 3 x 3"):
        model.predict(convert(patches_of(X, 5)))
    with pytest.raises(ValueError, match=r"patches of 1 x 1.*fitted on patches of 3 x 3"):
        model.predict(X)


@both
@pytest.mark.parametrize("part", ["pixels", "patches", "array"])
def test_no_pixels_at_all_are_an_error(new, pixels, part):
    X, y = pixels
    X = {"pixels": X, "patches": patches_of(X, 1), "array": np.asarray(X)}[part]
    with pytest.raises(ValueError, match=r"0 sample|no pixel"):
        new().fit(X[:0], y[:0])
    model = new(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"0 sample|no pixel"):
        model.predict(X[:0])


@both
def test_predicting_before_fit_is_an_error(new, pixels):
    for method in (new().predict, new().predict_proba):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            method(pixels[0])


# NaN and infinity

positions = st.tuples(st.integers(0, 11), st.integers(0, 11))
bad_values = st.sampled_from([np.nan, np.inf, -np.inf])


def scene_with(bad, value, band=1, mask=None):
    """Scene of 12 x 12 pixels with labels in the middle 6 x 6, bad at one position."""
    random = np.random.RandomState(0)
    cube = random.normal(size=(12, 12, 3)).astype(np.float32)
    cube[(*bad, band)] = value
    labels = np.zeros((12, 12), dtype=int)
    labels[3:9, 3:9] = 1 + random.randint(2, size=(6, 6))
    return Scene(cube, labels, mask=mask)


@few_examples
@given(bad=positions, value=bad_values, band=st.integers(0, 2), size=st.sampled_from([1, 3, 5]))
def test_nan_and_infinity_are_an_error_just_where_a_patch_holds_them(bad, value, band, size):
    X, y = scene_with(bad, value, band).labeled_pixels()
    distance = np.maximum(np.abs(X.rows - bad[0]), np.abs(X.cols - bad[1]))
    touched = np.flatnonzero(distance <= size // 2)
    # So small a scene has no blocks to hold out.
    model = make_pipeline(PatchExtractor(size), ode_net(max_epochs=1, validation="random"))
    if not len(touched):
        assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
        return
    row, col = X.rows[touched[0]], X.cols[touched[0]]
    message = rf"NaN or infinity.*{len(touched)} of 36 pixels.*row {row}, column {col}.*mask="
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    untouched = np.setdiff1d(np.arange(36), touched)
    assume(len(np.unique(y[untouched])) == 2)
    model.fit(X[untouched], y[untouched])
    with pytest.raises(ValueError, match=message):
        model.predict(X)


@few_examples
@given(
    bad=positions,
    value=bad_values,
    size=st.sampled_from([1, 3, 5]),
    padding=st.sampled_from(["reflect", "edge", "zero"]),
)
def test_what_is_masked_does_no_harm(bad, value, size, padding):
    mask = np.ones((12, 12), dtype=bool)
    mask[bad] = False
    network = ode_net(max_epochs=1, validation="random")
    model = make_pipeline(PatchExtractor(size, padding=padding), network)
    given = []
    for each in (value, 0.0, 1e30):
        X, y = scene_with(bad, each, mask=mask).labeled_pixels()
        given.append(model.fit(X, y).predict_proba(X))
    assert np.isfinite(given[0]).all()
    np.testing.assert_array_equal(given[0], given[1])
    np.testing.assert_array_equal(given[0], given[2])


@both
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(20, 3), (20, 3, 3, 3)], ids=["spectra", "patches"])
def test_nan_and_infinity_in_an_array_are_an_error(new, value, shape):
    X, y = np.random.RandomState(0).normal(size=shape), np.arange(20) % 2
    model = new(max_epochs=1).fit(X, y)
    X.flat[5] = value
    for call in (lambda: new().fit(X, y), lambda: model.predict(X)):
        with pytest.raises(ValueError, match=r"X contains (NaN|infinity)"):
            call()


# Labels and weights


@both
def test_labels_are_needed(new, pixels):
    for fit in (new().fit, new().partial_fit):
        with pytest.raises(ValueError, match="requires y to be passed"):
            fit(pixels[0], None)


@both
def test_one_class_only_is_an_error(new, pixels):
    X, y = pixels
    with pytest.raises(ValueError, match=r"one class only \(2\).*at least 2 classes"):
        new().fit(X[y == 2], y[y == 2])


@both
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: y + 0.5, "Unknown label type"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: np.column_stack([y, y]), "1d array"),
        (lambda y: np.where(y == 1, np.nan, y), "NaN"),
        (lambda y: np.where(y == 1, np.inf, y), "infinity"),
    ],
    ids=["continuous", "too few", "two columns", "NaN", "infinity"],
)
def test_labels_must_be_classes(new, pixels, labels, message):
    X, y = pixels
    with pytest.raises(ValueError, match=message):
        new().fit(X, labels(y))


@both
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda y: -np.ones(len(y)), "Negative values"),
        (lambda y: np.zeros(len(y)), "non-zero"),
        (lambda y: np.ones(len(y) - 1), "sample_weight"),
        (lambda y: np.full(len(y), np.nan), "NaN"),
    ],
    ids=["negative", "zero", "too few", "NaN"],
)
def test_sample_weights_are_checked(new, pixels, weights, message):
    X, y = pixels
    with pytest.raises(ValueError, match=message):
        new().fit(X, y, sample_weight=weights(y))


@both
def test_weights_that_cancel_each_other_out_are_an_error(new, pixels):
    X, y = pixels
    with pytest.raises(ValueError, match=r"sample_weight times class_weight is zero"):
        new(class_weight={1: 1, 2: 0, 3: 0}).fit(X, y, sample_weight=y != 1)


# Parameters


@both
@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("optimizer", "sdg", ["sgd", "adam", "adamw"]),
        ("lr_schedule", "linear", ["constant", "cosine", "step"]),
        ("precision", "float16", ["float32", "float64", "bfloat16"]),
        ("class_weight", "even", ["balanced"]),
    ],
)
def test_an_unknown_name_lists_the_known_ones(new, pixels, name, value, names):
    with pytest.raises(ValueError, match=rf"'{name}'.*'{value}'") as error:
        new(**{name: value}).fit(*pixels)
    assert all(f"'{known}'" in str(error.value) for known in names)


@pytest.mark.parametrize("solver", ["euller", "scipy_solver", None])
def test_an_unknown_solver_lists_the_known_ones(pixels, solver):
    with pytest.raises(ValueError, match="'solver'") as error:
        ode_net(solver=solver).fit(*pixels)
    assert all(f"'{known}'" in str(error.value) for known in SOLVERS)


@both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_filters", 0),
        ("lr", 0),
        ("lr", -1e-3),
        ("weight_decay", -1),
        ("max_epochs", 0),
        ("max_epochs", 1.5),
        ("batch_size", 0),
        ("augment", "yes"),
        ("standardize", None),
        ("early_stopping", 0.1),
        ("validation", "ground"),
        ("validation_fraction", 0),
        ("validation_fraction", 1),
        ("n_iter_no_change", 0),
        ("callbacks", "lr_scheduler"),
        ("net_params", [1]),
        ("device", 0),
        ("compile", "yes"),
        ("n_jobs", 1.5),
        ("random_state", "seed"),
    ],
)
def test_a_parameter_out_of_its_range_is_named(new, pixels, name, value):
    for fit in (new(**{name: value}).fit, new(**{name: value}).partial_fit):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            fit(*pixels)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_steps", 0), ("n_steps", -1), ("n_steps", 2.5), ("rtol", 0), ("atol", -1), ("adjoint", 2)],
)
def test_a_solver_parameter_out_of_its_range_is_named(pixels, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        ode_net(**{name: value}).fit(*pixels)


def test_a_residual_network_needs_a_block(pixels):
    with pytest.raises(ValueError, match="'n_blocks' parameter"):
        res_net(n_blocks=-1).fit(*pixels)


def test_a_misspelt_net_parameter_is_named(pixels):
    with pytest.raises(TypeError, match="momentun"):  # PyTorch's own
        ode_net(optimizer="sgd", net_params={"optimizer__momentun": 0.5}).fit(*pixels)
    with pytest.raises(ValueError, match="colour"):
        ode_net(net_params={"colour": "blue"}).fit(*pixels)


@both
def test_an_unknown_device_is_an_error(new, pixels):
    with pytest.raises(ValueError, match=r"Unknown device 'quantum'.*'auto', 'cpu', 'cuda'"):
        new(device="quantum").fit(*pixels)


@both
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")], ids=str)
def test_cuda_where_there_is_none_is_an_error(new, pixels, device):
    X, y = pixels
    for fit in (new(device=device).fit, new(device=device).partial_fit):
        with pytest.raises(ValueError, match=rf"device='{device}' was asked for.*device='auto'"):
            fit(X, y)


@both
@pytest.mark.parametrize("device", ["cuda:99", "mps:0", "meta", "xla"])
def test_a_device_that_is_not_there_is_an_error(new, pixels, device):
    if device.startswith("mps") and torch.backends.mps.is_available():
        pytest.skip("there is an MPS device here")
    with pytest.raises(ValueError, match=rf"device='{device}' was asked for.*device='cpu'"):
        new(device=device).fit(*pixels)


@both
def test_a_bad_input_leaves_no_fit_behind(new, pixels):
    X, y = pixels
    model = new()
    with pytest.raises(ValueError, match="one class only"):
        model.fit(X, np.ones(len(y)))
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert not hasattr(model, "classes_")


# Values of any size


@both
@pytest.mark.parametrize("form", ["patches", "array", "spectra"])
def test_a_large_offset_takes_nothing_of_the_differences(new, pixels, form):
    X, y = pixels
    values = np.round(X.scene.cube * 100)
    model = new(validation="random")
    found = []
    for offset in (0, 1e9):
        scene = Scene(values + offset, X.scene.labels)
        held = scene.pixels(X.rows, X.cols)
        if form == "patches":
            held = patches_of(held, 5)
        elif form == "array":
            held = np.asarray(held)[:, :, np.newaxis, np.newaxis]
        found.append(probabilities(model, held, y))
        restored = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(restored.predict_proba(held), found[-1])
    np.testing.assert_allclose(*found, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_values_that_the_weights_type_holds_are_standardised_in_it(pixels, dtype):
    X, y = pixels
    cube = (X.scene.cube * 1000).astype(dtype)
    cube[:, :, 0] = 30000  # a constant band is no large offset
    model = res_net().fit(Scene(cube, X.scene.labels).pixels(X.rows, X.cols), y)
    assert model.net_.input_dtype == torch.float32
