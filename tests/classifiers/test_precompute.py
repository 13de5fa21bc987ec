"""Where patches overlap, what they share is computed once for the ground under them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier, Scene
from sklearn_hsiode._gather import SceneGatherer
from sklearn_hsiode.classifiers import _precompute
from sklearn_hsiode.classifiers._net import prediction_batch

RNG = np.random.default_rng(0)
MASK = RNG.random((15, 13)) < 0.8
# An array of patches is float32, so the cube is.
CUBE = RNG.normal(5, 3, (15, 13, 8)).astype(np.float32)
SCENE = Scene(CUBE, RNG.integers(1, 4, (15, 13)), mask=MASK)


SMALL = {"n_filters": 8, "n_steps": 1, "max_epochs": 1, "gate": 0.5, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    """A classifier of each patch size and padding, half of it its linear shortcut."""
    X, y = SCENE.labeled_pixels()
    models = {}
    for size in (5, 9, 11):
        for padding in ("reflect", "edge", "zero"):
            patches = PatchExtractor(size, padding).fit_transform(X)
            model = ODENetClassifier(precision="float64", **SMALL).fit(patches[::8], y[::8])
            model.net_.plain_module_.gate.fill_(0.5)
            models[size, padding] = model
    return models


def spy(monkeypatch):
    """Names of the layers whose output a gatherer was asked for."""
    seen, map_image = [], SceneGatherer.map_image

    def counted(gather, layer, margin):
        seen.append(layer.__name__)
        return map_image(gather, layer, margin)

    monkeypatch.setattr(SceneGatherer, "map_image", counted)
    return seen


@settings(deadline=None, max_examples=40)
@given(
    size=st.sampled_from([5, 9, 11]),
    padding=st.sampled_from(["reflect", "edge", "zero"]),
    chosen=st.lists(st.integers(0, MASK.sum() - 1), min_size=1, max_size=30),
    at_once=st.sampled_from([1, 300, 2**24]),
)
def test_probabilities_are_those_of_the_patches_themselves(fitted, size, padding, chosen, at_once):
    model = fitted[size, padding]
    patches = PatchExtractor(size, padding).fit_transform(SCENE.pixels()[chosen])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_hsiode._gather.LAYER_INPUT", at_once * 8 / 2**20)
        found = model.predict_proba(patches)
    expected = model.predict_proba(np.asarray(patches))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


STEM, STANDARDISATION = ["stem_of_image"], ["standardized"]


@pytest.mark.parametrize("model", [ODENetClassifier, ResNetClassifier])
@pytest.mark.parametrize(("precision", "atol"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_every_network_and_precision_shares_it(monkeypatch, pixels, model, precision, atol):
    X, y = pixels
    patches = PatchExtractor(9).fit_transform(X)
    model = model(n_filters=8, max_epochs=2, precision=precision, random_state=0)
    model.fit(patches[::20], y[::20])
    seen = spy(monkeypatch)
    found = model.predict_proba(patches)
    assert seen == STEM
    np.testing.assert_allclose(found, model.predict_proba(np.asarray(patches)), rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("size", "rows", "largest", "shared"),
    [
        (9, slice(None), 2**26, STEM),
        (9, slice(None), 1000, []),  # more ground than may be kept
        (9, [0, -1], 2**26, []),  # two patches far apart
        (5, slice(None), 2**26, STEM),  # of 1 x 1
    ],
)
def test_it_is_shared_where_that_is_less_work_and_exact(
    monkeypatch, fitted, size, rows, largest, shared
):
    seen = spy(monkeypatch)
    monkeypatch.setattr(_precompute, "PRECOMPUTED", largest * 8 / 2**20)
    patches = PatchExtractor(size).fit_transform(SCENE.pixels()[rows])
    fitted[size, "reflect"].predict_proba(patches)
    assert seen == shared


def test_a_stem_that_pads_its_patches_is_not_shared(monkeypatch):
    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(5).fit_transform(X)
    model = ODENetClassifier(downsampling=True, **SMALL).fit(patches[::8], y[::8])
    seen = spy(monkeypatch)
    model.predict_proba(patches)
    assert seen == STANDARDISATION


def test_the_stem_of_few_bands_is_not_worth_it(monkeypatch):
    few = Scene(CUBE[:, :, :3], np.where(MASK, SCENE.labels, 0))
    X, y = few.labeled_pixels()
    patches = PatchExtractor(9).fit_transform(X)
    model = ODENetClassifier(**SMALL).fit(patches[::8], y[::8])
    seen = spy(monkeypatch)
    model.predict_proba(patches)
    assert seen == STANDARDISATION


@pytest.mark.parametrize("padding", ["reflect", "zero"])
@pytest.mark.parametrize("size", [5, 9])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_is_that_on_the_patches_themselves(monkeypatch, size, padding, early_stopping):
    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(size, padding).fit_transform(X)
    model = ODENetClassifier(
        n_filters=8,
        gate=0.5,
        max_epochs=2,
        early_stopping=early_stopping,
        validation="random",  # an array does not know where its blocks would lie
        precision="float64",
        random_state=0,
    )
    seen = spy(monkeypatch)
    shared = model.fit(patches, y).history_
    assert seen == STANDARDISATION
    alone = model.fit(np.asarray(patches), y).history_
    assert seen == STANDARDISATION
    for epoch, expected in zip(shared, alone, strict=True):
        assert epoch.keys() == expected.keys()
        for name in epoch.keys() - {"seconds"}:
            assert epoch[name] == pytest.approx(expected[name], rel=1e-9)


def test_without_the_memory_for_it_nothing_is_shared_and_nothing_changes(monkeypatch):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("out of memory")

    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(9).fit_transform(X)
    model = ODENetClassifier(precision="float64", **SMALL)
    expected = model.fit(patches, y).predict_proba(patches)
    monkeypatch.setattr(SceneGatherer, "map_image", exhausted)
    found = model.fit(patches, y).predict_proba(patches)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_a_validation_score_does_not_compute_the_stem_again(monkeypatch):
    # Of the ground, a margin of four pixels included, 6 values a pixel may be kept: the stem's
    # 4, but not the 8 bands.
    monkeypatch.setattr(_precompute, "PRECOMPUTED", 6 * 23 * 21 * 4 / 2**20)
    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(9).fit_transform(X)
    model = ODENetClassifier(n_filters=4, max_epochs=3, shortcut=False, random_state=0)
    model.set_params(early_stopping=True, validation="random")
    seen = spy(monkeypatch)
    model.fit(patches, y)
    assert not seen
    model.predict(patches)
    assert seen == STEM


def test_partial_fit_is_that_on_the_patches_themselves(monkeypatch):
    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(9).fit_transform(X)
    model = ODENetClassifier(n_filters=8, gate=0.5, precision="float64", random_state=0)
    seen = spy(monkeypatch)
    for _ in range(2):
        model.partial_fit(patches, y, classes=[1, 2, 3])
    assert seen == STANDARDISATION * 2
    alone = clone(model)
    for _ in range(2):
        alone.partial_fit(np.asarray(patches), y, classes=[1, 2, 3])
    found, expected = (each.predict_proba(np.asarray(patches)) for each in (model, alone))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_partial_fits_of_a_few_pixels_leave_the_image_alone(monkeypatch):
    X, y = SCENE.labeled_pixels()
    patches = PatchExtractor(5).fit_transform(X)
    seen = spy(monkeypatch)
    model = ODENetClassifier(n_filters=8, gate=0.5, random_state=0)
    model.partial_fit(patches[[0, -1]], y[[0, -1]], classes=[1, 2, 3])
    assert not seen


@pytest.mark.parametrize(
    ("size", "n_filters", "batch"), [(11, 64, 512), (23, 64, 123), (1, 1, 512)]
)
def test_predictions_of_large_patches_go_in_smaller_batches(size, n_filters, batch):
    assert prediction_batch(size, n_filters, torch.device("cpu")) == batch
    assert prediction_batch(size, n_filters, torch.device("cuda")) == 512
