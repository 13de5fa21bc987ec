import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    Scene,
    SpectralTransformer,
    predict_map,
    read_scene,
)
from sklearn_hsiode._mapping._windows import METHODS
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.datasets import make_scene
from tests.classifiers.networks import linear


@pytest.fixture(scope="module")
def masked():
    """A scene with holes, which patches reach into."""
    scene = make_scene((40, 37), n_bands=6, n_classes=3, noise=0.05, random_state=1)
    mask = np.ones(scene.shape[:2], dtype=bool)
    mask[10:22, 12:30] = mask[35:, :9] = mask[0, 0] = False
    mask[::7, ::5] = False
    return Scene(scene.cube, scene.labels, mask=mask, class_names={1: "water", 3: "oak"})


@pytest.fixture(scope="module", params=["network", "svm", "flat patches"])
def fitted(request, masked):
    models = {
        "network": make_pipeline(
            SpectralTransformer(StandardScaler()),
            PatchExtractor(7, padding="zero"),
            ODENetClassifier(n_filters=8, n_steps=1, max_epochs=2, random_state=0),
        ),
        "svm": make_pipeline(StandardScaler(), SVC()),
        "flat patches": make_pipeline(
            PatchExtractor(9), FunctionTransformer(flattened), LinearDiscriminantAnalysis()
        ),
    }
    return models[request.param].fit(*masked.labeled_pixels())


def flattened(patches):
    return np.asarray(patches).reshape(len(patches), -1)


@pytest.mark.parametrize("window", [5, 16, 33, 64])
def test_the_map_is_the_prediction_of_every_valid_pixel_whatever_the_windows(
    masked, fitted, window
):
    X = masked.pixels()
    expected = np.zeros(masked.mask.shape, dtype=int)
    expected[X.rows, X.cols] = fitted.predict(X)
    np.testing.assert_array_equal(predict_map(fitted, masked, window=window), expected)


KINDS = {
    "ODE-net": make_pipeline(
        PatchExtractor(7), ODENetClassifier(n_filters=8, n_steps=1, max_epochs=1, random_state=0)
    ),
    "ResNet": make_pipeline(
        PatchExtractor(9, "edge"),
        ResNetClassifier(n_filters=8, n_blocks=1, max_epochs=1, random_state=0),
    ),
    "network of one's own": make_pipeline(
        PatchExtractor(3), PatchNetClassifier(linear, max_epochs=1, random_state=0)
    ),
    "components": make_pipeline(
        SpectralTransformer(PCA(2, random_state=0), fit_on="scene"),
        PatchExtractor(5, "zero"),
        ODENetClassifier(n_filters=8, n_steps=1, max_epochs=1, random_state=0),
    ),
    "SVM": make_pipeline(StandardScaler(), SVC()),
    "random forest": RandomForestClassifier(5, random_state=0),
    "logistic regression": LogisticRegression(max_iter=1000),
    "columns": make_pipeline(ColumnTransformer([("some", StandardScaler(), [0, 2])]), SVC()),
    "stack": StackingClassifier(
        [
            ("svm", SVC()),
            (
                "ode",
                make_pipeline(
                    PatchExtractor(5), PatchNetClassifier(linear, max_epochs=1, random_state=0)
                ),
            ),
        ],
        cv=2,
    ),
    "calibrated": CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), cv=2),
    "coordinates": CoordinateClassifier(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_estimator_gives_one_map_whatever_the_windows(kind, masked):
    model = clone(KINDS[kind]).fit(*masked.labeled_pixels())
    X = masked.pixels()
    expected = np.zeros(masked.mask.shape, dtype=int)
    expected[X.rows, X.cols] = model.predict(X)
    for window in (7, 32, 512):
        np.testing.assert_array_equal(predict_map(model, masked, window=window), expected)


def test_a_search_is_mapped_with_the_patches_that_it_found_best(masked, ode):
    search = GridSearchCV(
        make_pipeline(PatchExtractor(3), ode.set_params(max_epochs=1)),
        {"patchextractor__patch_size": [9]},
        cv=2,
    ).fit(*masked.labeled_pixels())
    whole, parts = (predict_map(search, masked, window=window) for window in (64, 11))
    np.testing.assert_array_equal(parts, whole)


def test_patches_of_a_search_within_an_ensemble_reach_as_far(masked, ode):
    pipeline = make_pipeline(PatchExtractor(1), ode.set_params(max_epochs=1))
    search = GridSearchCV(pipeline, {"patchextractor__patch_size": [11]}, cv=2)
    vote = VotingClassifier([("search", search)], voting="soft")
    vote.fit(*masked.labeled_pixels())
    whole, parts = (
        predict_map(vote, masked, window=window, method="predict_proba") for window in (64, 11)
    )
    np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_a_value_that_is_not_finite_is_told_where_it_lies_in_the_scene(scene, ode):
    cube = scene.cube.astype(np.float32)
    cube[20, 21, 2] = np.nan
    model = make_pipeline(PatchExtractor(3), ode).fit(*scene.labeled_pixels())
    with pytest.raises(ValueError, match="first at row 19, column 20"):
        predict_map(model, Scene(cube), window=10)
    # The transformed scene of a window knows where the window lies.
    model = make_pipeline(SpectralTransformer(StandardScaler()), PatchExtractor(3), ode)
    model.fit(*scene.labeled_pixels())
    with pytest.raises(ValueError, match="first at row 19, column 20"):
        predict_map(model, Scene(cube), window=10)


def test_what_is_no_classifier_is_an_error(scene):
    with pytest.raises(TypeError, match="needs a classifier, but KMeans"):
        predict_map(KMeans(2, n_init=1).fit(np.asarray(scene.pixels())), scene)


def test_probabilities_are_those_of_the_estimator_and_nan_where_nothing_is_valid(masked):
    model = LinearDiscriminantAnalysis().fit(*masked.labeled_pixels())
    probabilities = predict_map(model, masked, method="predict_proba", window=16)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(probabilities).any(axis=2), ~masked.mask)
    np.testing.assert_allclose(
        probabilities[masked.mask], model.predict_proba(masked.pixels()), atol=1e-6
    )


def test_confidence_is_largest_probability_margin_and_entropy(masked):
    model = LinearDiscriminantAnalysis().fit(*masked.labeled_pixels())
    confidence = predict_map(model, masked, method="confidence")[masked.mask]
    descending = -np.sort(-model.predict_proba(masked.pixels()), axis=1)
    np.testing.assert_allclose(confidence[:, 0], descending[:, 0], atol=1e-6)
    np.testing.assert_allclose(confidence[:, 1], descending[:, 0] - descending[:, 1], atol=1e-6)
    bits = -np.sum(descending * np.log(np.maximum(descending, 1e-300)), axis=1) / np.log(3)
    np.testing.assert_allclose(confidence[:, 2], bits, atol=1e-6)


def test_a_certain_estimator_has_entropy_0_and_one_that_guesses_has_1(scene):
    sure = KNeighborsClassifier(1).fit(*scene.labeled_pixels())
    assert predict_map(sure, scene, method="confidence").max(axis=(0, 1))[2] == 0
    X, _ = scene.labeled_pixels()
    guess = KNeighborsClassifier(2).fit(np.zeros((2, X.shape[1])), [1, 2])
    np.testing.assert_allclose(
        predict_map(guess, scene, method="confidence"), [[[0.5, 0, 1]]] * np.ones((24, 24, 1))
    )


def test_string_classes_stay_strings(scene):
    names = np.array(["", "oak", "water", "corn-min"])[scene.labels]
    named = Scene(scene.cube, names)
    class_map = predict_map(LinearDiscriminantAnalysis().fit(*named.labeled_pixels()), named)
    numbers = predict_map(LinearDiscriminantAnalysis().fit(*scene.labeled_pixels()), scene)
    assert {*class_map.ravel()} <= {"oak", "water", "corn-min"}
    found = Counter(zip(numbers.ravel(), class_map.ravel(), strict=True))
    assert found.most_common(3)[0][0] in {(1, "oak"), (2, "water"), (3, "corn-min")}


def test_unlabelled_pixels_can_be_skipped(masked):
    model = LinearDiscriminantAnalysis().fit(*masked.labeled_pixels())
    class_map = predict_map(model, masked, skip_unlabeled=True, window=16)
    np.testing.assert_array_equal(class_map > 0, (masked.labels > 0) & masked.mask)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestGeoTIFF:
    @pytest.fixture(autouse=True)
    def _rasterio(self):
        self.rasterio = pytest.importorskip("rasterio")

    @pytest.fixture
    def placed(self, masked):
        """The scene on a grid of 30 m in UTM zone 33."""
        return Scene(
            masked.cube,
            masked.labels,
            mask=masked.mask,
            class_names=masked.class_names,
            crs=self.rasterio.crs.CRS.from_epsg(32633),
            transform=self.rasterio.Affine(30, 0, 364000, 0, -30, 5810000),
        )

    @pytest.fixture
    def model(self, placed):
        return LinearDiscriminantAnalysis().fit(*placed.labeled_pixels())

    @pytest.mark.parametrize("window", [16, 64])
    def test_the_file_holds_the_map_in_its_place(self, placed, model, tmp_path, window):
        path = predict_map(model, placed, out=tmp_path / "map.tif", window=window)
        with self.rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), predict_map(model, placed))
            assert (file.crs, file.transform) == (placed.crs, placed.transform)
            assert file.nodata == 0
            assert file.profile["tiled"]
            assert file.compression is not None
            np.testing.assert_array_equal(file.dataset_mask() > 0, placed.mask)

    def test_classes_have_names_and_the_colours_of_the_pictures(self, placed, model, tmp_path):
        from sklearn_hsiode.plotting import class_colors

        path = predict_map(model, placed, out=tmp_path / "map.tif")
        with self.rasterio.open(path) as file:
            palette, tags = file.colormap(1), file.tags(1)
        assert (tags["class_1"], tags["class_2"], tags["class_3"]) == ("water", "2", "oak")
        for label, color in enumerate(class_colors(3), start=1):
            np.testing.assert_allclose(palette[label], [*np.rint(255 * color), 255])
        tree = ElementTree.parse(f"{path}.aux.xml")
        assert [name.text for name in tree.iter("Category")] == [None, "water", "2", "oak"]

    @pytest.mark.parametrize(
        ("method", "bands"),
        [
            ("predict_proba", ("water", "2", "oak")),
            ("confidence", ("largest probability", "margin", "entropy")),
        ],
    )
    def test_other_maps_have_a_named_band_each(self, placed, model, tmp_path, method, bands):
        path = predict_map(model, placed, method=method, out=tmp_path / "map.tif", window=16)
        with self.rasterio.open(path) as file:
            assert file.descriptions == bands
            expected = predict_map(model, placed, method=method)
            np.testing.assert_array_equal(file.read().transpose(1, 2, 0), expected)
            assert np.isnan(file.nodata)

    def test_string_classes_are_numbered_from_1(self, placed, tmp_path):
        names = np.array(["", "oak", "ash", "fir"])[placed.labels]
        named = Scene(placed.cube, names, mask=placed.mask, transform=placed.transform)
        model = LinearDiscriminantAnalysis().fit(*named.labeled_pixels())
        with self.rasterio.open(predict_map(model, named, out=tmp_path / "map.tif")) as file:
            codes, tags = file.read(1), file.tags(1)
        assert (tags["class_1"], tags["class_2"], tags["class_3"]) == ("ash", "fir", "oak")
        expected = predict_map(model, named)
        np.testing.assert_array_equal(np.array(["", "ash", "fir", "oak"])[codes], expected)

    def test_labels_beyond_a_byte_take_two(self, placed, tmp_path):
        labels = placed.labels.astype(int) * 300
        large = Scene(placed.cube, labels, mask=placed.mask, transform=placed.transform)
        model = LinearDiscriminantAnalysis().fit(*large.labeled_pixels())
        with self.rasterio.open(predict_map(model, large, out=tmp_path / "map.tif")) as file:
            assert file.dtypes == ("uint16",)
            np.testing.assert_array_equal(file.read(1), predict_map(model, large))

    def test_a_scene_without_georeference_has_a_map_without_one(self, masked, model, tmp_path):
        path = predict_map(model, masked, out=tmp_path / "map.tif")
        with pytest.warns(self.rasterio.errors.NotGeoreferencedWarning):
            file = self.rasterio.open(path)
        with file:
            assert file.crs is None
            np.testing.assert_array_equal(file.read(1), predict_map(model, masked))

    def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced(self, placed, model, tmp_path):
        path = tmp_path / "map.tif"
        path.write_text("precious")
        with pytest.raises(FileExistsError, match="exists already"):
            predict_map(model, placed, out=path)
        assert path.read_text() == "precious"
        predict_map(model, placed, out=path, overwrite=True)
        with self.rasterio.open(path) as file:
            assert file.count == 1

    def test_a_failure_leaves_nothing_behind(self, placed, model, tmp_path, monkeypatch):
        calls = []

        def fails_later(X):
            calls.append(len(X))
            if len(calls) == 3:
                raise MemoryError("no more")
            return np.ones(len(X), dtype=int)

        monkeypatch.setattr(model, "predict", fails_later)
        with pytest.raises(MemoryError):
            predict_map(model, placed, out=tmp_path / "map.tif", window=16)
        assert list(tmp_path.iterdir()) == []

    def test_a_process_that_is_killed_leaves_no_file_that_the_next_one_does_not_remove(
        self, placed, model, tmp_path
    ):
        script = (
            "import sys, time\n"
            "from sklearn.discriminant_analysis import LinearDiscriminantAnalysis\n"
            "from sklearn_hsiode import predict_map\n"
            "from sklearn_hsiode.datasets import make_scene\n"
            "scene = make_scene((40, 40), random_state=0)\n"
            "model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())\n"
            "predict = model.predict\n"
            "def slow(X):\n"
            "    print('window', flush=True)\n"
            "    time.sleep(0.5)\n"
            "    return predict(X)\n"
            "model.predict = slow\n"
            "predict_map(model, scene, out=sys.argv[1], window=8)\n"
        )
        path = tmp_path / "map.tif"
        command = [sys.executable, "-W", "ignore", "-c", script, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            for _ in range(3):
                assert process.stdout.readline().strip() == b"window"
            process.kill()
        assert not path.exists()
        predict_map(model, placed, out=path)
        assert sorted(file.name for file in tmp_path.iterdir()) == ["map.tif", "map.tif.aux.xml"]

    def test_a_name_that_is_no_text_is_an_error(self, placed, model, tmp_path):
        with pytest.raises(ValueError, match=r"map\\xff\.tif is not UTF-8"):
            predict_map(model, placed, out=tmp_path / "map\udcff.tif")

    def test_of_two_threads_that_write_the_same_map_the_last_one_wins_whole(
        self, placed, model, tmp_path
    ):
        path = tmp_path / "map.tif"
        names = [{k: f"{name} {k}" for k in model.classes_.tolist()} for name in ("oak", "elm")]

        def write(class_names):
            predict_map(model, placed, out=path, window=8, class_names=class_names, overwrite=True)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(write, names))
        with self.rasterio.open(path) as file:
            tags = file.tags(1)
            np.testing.assert_array_equal(file.read(1), predict_map(model, placed))
        named = {int(key[6:]): name for key, name in tags.items() if key.startswith("class_")}
        assert named in names
        for name in named.values():
            assert f"<Category>{name}</Category>" in Path(f"{path}.aux.xml").read_text()
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize("shift", [lambda y: y - 1, lambda y: y > 1], ids=["0, 1", "bool"])
    def test_a_class_of_label_0_is_no_nodata(self, masked, tmp_path, shift):
        X, y = masked.labeled_pixels()
        model = LinearDiscriminantAnalysis().fit(X, shift(y))
        path = predict_map(model, masked, out=tmp_path / "map.tif", window=16)
        with self.rasterio.open(path) as file:
            codes = file.read(1)
        np.testing.assert_array_equal(codes > 0, masked.mask)
        expected = model.predict(masked.pixels()).astype(int) + 1
        np.testing.assert_array_equal(codes[masked.mask], expected)
        with pytest.raises(ValueError, match="means no class in a map"):
            predict_map(model, masked)

    def test_names_of_an_earlier_map_do_not_describe_its_successor(self, placed, model, tmp_path):
        path = tmp_path / "map.tif"
        predict_map(model, placed, out=path)
        assert sorted(file.name for file in tmp_path.iterdir()) == ["map.tif", "map.tif.aux.xml"]
        predict_map(model, placed, method="confidence", out=path, overwrite=True)
        assert [file.name for file in tmp_path.iterdir()] == ["map.tif"]

    def test_an_image_is_not_replaced_by_its_map(self, placed, model, tmp_path, monkeypatch):
        path = tmp_path / "image.tif"
        profile = {"width": placed.shape[1], "height": placed.shape[0], "dtype": "int16"}
        with self.rasterio.open(path, "w", count=6, crs=placed.crs, **profile) as file:
            file.write(placed.cube.transpose(2, 0, 1).astype("int16"))
        monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
        before = path.read_bytes()
        with pytest.raises(ValueError, match="is the image itself"):
            predict_map(model, read_scene(path), out=path, overwrite=True)
        assert path.read_bytes() == before

    def test_a_map_without_a_pixel_is_an_error(self, tmp_path, model, monkeypatch):
        path = tmp_path / "image.tif"
        with self.rasterio.open(
            path, "w", width=20, height=20, count=6, dtype="int16", nodata=0
        ) as file:
            file.write(np.zeros((6, 20, 20), dtype=np.int16))
        monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
        scene = read_scene(path)
        for out in (None, tmp_path / "map.tif"):
            with pytest.raises(ValueError, match="no pixel to predict"):
                predict_map(model, scene, out=out)
        assert [file.name for file in tmp_path.iterdir()] == ["image.tif"]

    def test_a_full_disk_is_an_error_and_leaves_nothing(self, tmp_path):
        pytest.importorskip("resource", reason="only POSIX can limit the size of files")
        script = (
            "import os, resource, signal, sys\n"
            "from sklearn.discriminant_analysis import LinearDiscriminantAnalysis\n"
            "from sklearn_hsiode import predict_map\n"
            "from sklearn_hsiode.datasets import make_scene\n"
            "scene = make_scene((200, 200), n_bands=6, random_state=0)\n"
            "model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "for limit in (0, 300, 3000):\n"
            "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
            "    for method in ('predict', 'predict_proba', 'confidence'):\n"
            "        try:\n"
            "            predict_map(model, scene, method=method, out='map.tif', window=64)\n"
            "        except OSError:\n"
            "            print(limit, method, os.listdir())\n"
        )
        command = [sys.executable, "-W", "ignore", "-c", script]
        printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert printed.stdout.splitlines() == [
            f"{limit} {method} []" for limit in (0, 300, 3000) for method in METHODS
        ]

    def test_a_folder_that_does_not_exist_is_an_error(self, placed, model, tmp_path):
        with pytest.raises(OSError, match="missing"):
            predict_map(model, placed, out=tmp_path / "missing" / "map.tif")
        assert list(tmp_path.iterdir()) == []


def test_a_window_of_a_scene_is_the_scene_there(masked):
    part = masked.window(slice(5, 12), slice(20, None))
    np.testing.assert_array_equal(part.cube, masked.cube[5:12, 20:])
    np.testing.assert_array_equal(part.labels, masked.labels[5:12, 20:])
    np.testing.assert_array_equal(part.mask, masked.mask[5:12, 20:])
    assert part.class_names == masked.class_names


def test_a_window_lies_where_it_lies_on_the_ground(masked):
    affine = pytest.importorskip("affine").Affine
    placed = Scene(masked.cube, transform=affine(30, 0, 1000, 0, -30, 2000))
    part = placed.window(slice(5, 12), slice(20, None))
    assert part.transform == affine(30, 0, 1000 + 20 * 30, 0, -30, 2000 - 5 * 30)


def test_a_window_may_be_without_valid_pixels(masked):
    assert len(masked.window(slice(12, 15), slice(15, 18)).pixels()) == 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "guess"}, ValueError, "method must be one of predict"),
        ({"window": 0}, ValueError, "window must be an integer of at least 1"),
        ({"window": 2.5}, ValueError, "window must be an integer of at least 1"),
        ({"method": "predict_proba"}, AttributeError, "needs an estimator with predict_proba"),
    ],
)
def test_a_wrong_option_is_named(scene, options, error, message):
    svm = SVC().fit(*scene.labeled_pixels())
    with pytest.raises(error, match=message):
        predict_map(svm, scene, **options)


def test_other_bands_than_those_of_the_training_are_an_error(scene):
    model = SVC().fit(*scene.labeled_pixels())
    with pytest.raises(ValueError, match="fitted on 8 bands, but the scene has 3"):
        predict_map(model, scene.select_bands(slice(3)))
    model.dropped_bands_in_ = [2, 5]
    with pytest.raises(ValueError, match=r"has 3: .* fitted without bands 2, 5 of their file\.$"):
        predict_map(model, scene.select_bands(slice(3)))


def test_other_wavelengths_than_those_of_the_training_are_an_error(scene):
    here, shifted, elsewhere = (
        Scene(scene.cube, scene.labels, wavelengths=np.linspace(400, last, 8))
        for last in (900, 900.9, 950)
    )
    known = make_pipeline(SpectralTransformer(StandardScaler()), SVC())
    known.fit(*here.labeled_pixels())
    assert known.feature_names_in_.tolist()[0] == "400 nm"
    expected = predict_map(known, here)
    np.testing.assert_array_equal(predict_map(known, shifted), expected)
    unknown = Scene(scene.cube)
    np.testing.assert_array_equal(predict_map(known, unknown), expected)
    with pytest.raises(ValueError, match="band 8 is at 950 nm in this scene and was at 900 nm"):
        predict_map(known, elsewhere)
    with pytest.raises(ValueError, match="fitted at other wavelengths: band"):
        predict_map(known, here.select_bands(slice(None, None, -1)))


def test_labels_are_needed_to_skip_what_has_none(scene):
    model = SVC().fit(*scene.labeled_pixels())
    with pytest.raises(ValueError, match="skip_unlabeled"):
        predict_map(model, Scene(scene.cube), skip_unlabeled=True)


def test_an_estimator_that_is_not_fitted_is_an_error(scene):
    with pytest.raises(NotFittedError):
        predict_map(SVC(), scene)


def test_wavelengths_of_a_part_that_saw_fewer_bands_do_not_count(scene, ode):
    X, y = scene.labeled_pixels()
    drop = FunctionTransformer(last_bands)
    model = make_pipeline(drop, PatchExtractor(3), ode.set_params(max_epochs=1)).fit(X, y)
    assert len(model[1].wavelengths_in_) == scene.n_bands - 2
    np.testing.assert_array_equal(predict_map(model, scene)[X.rows, X.cols], model.predict(X))


def last_bands(pixels):
    return pixels[:, 2:]
