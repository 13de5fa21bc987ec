"""scikit-learn's own checks of the estimators that take nothing but pixels of a scene.

scikit-learn tests on arrays, so it skips most checks of an estimator that says that it takes
none. Here each gets the rows of an array as a scene of one column, and passes all checks.
"""

import numpy as np
import pytest
from sklearn.decomposition import NMF, PCA
from sklearn.feature_selection import SelectKBest
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.utils import check_array, get_tags
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklearn_hsiode import PatchExtractor, Scene, SpectralTransformer
from sklearn_hsiode.baselines import CoordinateClassifier

NEIGHBOURS_ARE_OTHERS = (
    "the check puts rows in another order or in batches, which gives them other places in the"
    " scene, and with these other neighbours"
)
DEPENDS_ON_PLACES = {
    "check_methods_sample_order_invariance": NEIGHBOURS_ARE_OTHERS,
    "check_methods_subset_invariance": NEIGHBOURS_ARE_OTHERS,
}


class OfRows:
    """Takes the rows of an array as a scene of one column."""

    def fit(self, X, y=None):
        return super().fit(self._pixels(X), y)

    def _pixels(self, X):
        allow_nan = get_tags(self).input_tags.allow_nan
        X = check_array(X, ensure_all_finite=not allow_nan, estimator=self)
        return Scene(X[:, np.newaxis]).pixels()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class PatchesOfRows(OfRows, PatchExtractor):
    def transform(self, X):
        return super().transform(self._pixels(X))


class SpectraOfRows(OfRows, SpectralTransformer):
    def transform(self, X):
        return super().transform(self._pixels(X))


class PlacesOfRows(OfRows, CoordinateClassifier):
    def predict(self, X):
        return super().predict(self._pixels(X))


def expected_failed_checks(estimator):
    # pytest is configured so that a check that is listed here and passes is a failure.
    of_places = getattr(estimator, "patch_size", 0) > 1 or isinstance(estimator, PlacesOfRows)
    return DEPENDS_ON_PLACES if of_places else {}


@parametrize_with_checks(
    [
        PatchesOfRows(1),
        PatchesOfRows(3, padding="edge"),
        SpectraOfRows(StandardScaler()),
        SpectraOfRows(StandardScaler(), fit_on="scene"),
        SpectraOfRows(PCA(1)),
        PlacesOfRows(),
    ],
    expected_failed_checks=expected_failed_checks,
)
def test_rows_laid_out_as_a_scene_pass(estimator, check):
    check(estimator)


TAKE_PIXELS = pytest.mark.parametrize(
    "estimator",
    [PatchExtractor(), SpectralTransformer(StandardScaler()), CoordinateClassifier()],
    ids=lambda estimator: type(estimator).__name__,
)


@TAKE_PIXELS
@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_what_scikit_learn_checks_without_arrays_passes(estimator):
    check_estimator(estimator)


@TAKE_PIXELS
def test_the_tags_say_that_plain_arrays_are_refused(estimator):
    assert not get_tags(estimator).input_tags.two_d_array
    with pytest.raises(TypeError, match="PixelSamples"):
        estimator.fit(np.ones((4, 3)), [0, 0, 1, 1])


@TAKE_PIXELS
def test_nan_is_taken_where_the_tags_say_so(estimator):
    cube = np.ones((3, 3, 2))
    cube[1, 1] = np.nan
    X, y = Scene(cube).pixels(), np.arange(9) % 2
    if get_tags(estimator).input_tags.allow_nan:
        estimator.set_params(**{name: 1 for name in estimator.get_params() if "size" in name})
        estimator.fit(X, y)
    else:
        with pytest.raises(ValueError, match="NaN"):
            estimator.fit(X, y)


@pytest.mark.parametrize(
    "inner", [StandardScaler(), MinMaxScaler(), PCA(1), FunctionTransformer(np.sqrt)], ids=str
)
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_type_that_the_tags_name_is_kept(inner, kind):
    X = Scene(np.random.default_rng(0).random((3, 3, 2)).astype(kind)).pixels()
    transformer = SpectralTransformer(inner)
    named = get_tags(transformer).transformer_tags.preserves_dtype
    assert named == get_tags(inner).transformer_tags.preserves_dtype
    if np.dtype(kind).name in named:
        assert transformer.fit_transform(X).dtype == np.dtype(kind)


def test_patches_are_float32_as_the_tags_say():
    assert get_tags(PatchExtractor()).transformer_tags.preserves_dtype == ["float32"]
    assert PatchExtractor(1).fit_transform(Scene(np.ones((2, 2, 2))).pixels()).dtype == "float32"


@pytest.mark.parametrize("inner", [StandardScaler(), SelectKBest(), NMF()], ids=str)
def test_a_wrapped_transformer_requires_of_its_input_what_the_bare_one_does(inner):
    wrapped, bare = get_tags(SpectralTransformer(inner)), get_tags(inner)
    assert wrapped.target_tags.required == bare.target_tags.required
    assert wrapped.input_tags.positive_only == bare.input_tags.positive_only
    assert wrapped.non_deterministic == bare.non_deterministic
