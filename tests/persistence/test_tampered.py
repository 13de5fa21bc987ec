"""Model files that somebody has changed on purpose are refused, and run nothing."""

import inspect
import io
import json
import struct
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNet, NeuralNetClassifier

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    load_model,
    save_model,
)
from sklearn_hsiode._archive import SMALL
from sklearn_hsiode.persistence import describe_model
from sklearn_hsiode.persistence._model_file import ABOUT, HASH, LARGEST_ABOUT, MODEL
from sklearn_hsiode.recipes._search import GridSearch, HalvingSearch
from tests.classifiers.networks import linear
from tests.persistence.tampering import (
    array,
    attributes,
    edit,
    listed,
    members,
    node,
    nodes_of,
    put,
    rewrite,
    value,
)

pytest.importorskip("skops")
PREFIXES = (
    *("callbacks", "compile", "criterion", "dataset", "iterator_train", "iterator_valid"),
    *("module", "optimizer"),
)
# Whatever skorch's net takes: its arguments, and those that it passes on.
OF_SKORCH = sorted(
    {
        *inspect.signature(NeuralNet).parameters,
        *inspect.signature(NeuralNetClassifier).parameters,
        *(f"{prefix}__{name}" for prefix in PREFIXES for name in ("num_workers", "options", "x")),
        *("autocast", "history", "initialized_", "virtual_params_"),
    }
    - {"args", "kwargs"}
)
OF_ESTIMATOR = set(inspect.signature(ODENetClassifier).parameters)


def ode(**parameters):
    return ODENetClassifier(
        **({"n_filters": 4, "gate": 0.5, "max_epochs": 1, "random_state": 0} | parameters)
    )


@pytest.fixture(scope="module")
def original(pixels, tmp_path_factory):
    """A file of a small network."""
    return save_model(ode().fit(*pixels), tmp_path_factory.mktemp("models") / "ode.model")


@pytest.fixture
def saved(original, tmp_path):
    """A file of a small network that may be changed."""
    path = tmp_path / "ode.model"
    path.write_bytes(original.read_bytes())
    return path


def assert_refused(path, match=""):
    with pytest.raises(ValueError, match=rf"(?s){path.name}.*{match}"):
        load_model(path)


def test_the_helpers_leave_a_file_that_loads(saved, pixels):
    before = load_model(saved).predict_proba(pixels[0])
    edit(saved, lambda schema, parts: put(attributes(schema)[0], "max_epochs", value(7)))
    loaded = load_model(saved)
    assert loaded.max_epochs == 7
    np.testing.assert_array_equal(loaded.predict_proba(pixels[0]), before)


# Arguments of the net


def test_options_of_the_compiler_do_not_reach_it(saved, tmp_path):
    command = f"off -wrapper 'sh,-c,touch {tmp_path / 'trace'}'"
    options = {"cpp.enable_floating_point_contract_flag": command}

    def change(schema, parts):
        (found,) = attributes(schema)
        put(found, "compile", value(True))
        put(found, "net_params", value({"compile__options": options}))
        made_with = {"compile": True, "compile__options": options}
        put(found["content"]["net_"], "made_with", value(made_with))

    edit(saved, change)
    assert_refused(saved, "compile")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", OF_SKORCH)
@pytest.mark.parametrize("given", [True, 10_000, {"a": "b"}, []], ids=repr)
def test_no_argument_of_skorch_comes_from_a_file(saved, name, given):
    original = saved.read_bytes()

    def in_net_params(found):
        put(found, "net_params", value({name: given}))

    def among_attributes(found):
        put(found, name, value(given))

    def beside_the_weights(found):
        put(found["content"]["net_"], name, value(given))

    def as_arguments_of_the_net(found):
        put(found["content"]["net_"], "made_with", value({name: given}))

    places = [in_net_params, beside_the_weights, as_arguments_of_the_net]
    if name not in OF_ESTIMATOR - {"compile", "n_jobs"}:
        places.append(among_attributes)
    for change in places:
        saved.write_bytes(original)
        edit(saved, lambda schema, _, change=change: change(*attributes(schema)))
        assert_refused(saved)


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: make_pipeline(StandardScaler(), inner),
        lambda inner: VotingClassifier([("a", inner), ("b", SVC())]),
        lambda inner: GridSearchCV(inner, {"lr": [1e-3]}, cv=2),
        lambda inner: GridSearch(inner, {"lr": [1e-3]}, cv=2, progress=False),
        lambda inner: HalvingSearch(
            inner,
            {"lr": [1e-3, 1e-2]},
            resource="max_epochs",
            min_resources=1,
            max_resources=2,
            factor=2,
            cv=2,
            progress=False,
        ),
    ],
    ids=["pipeline", "vote", "GridSearchCV", "GridSearch", "HalvingSearch"],
)
def test_estimators_inside_others_are_checked_likewise(around, pixels, tmp_path):
    X, y = (part[::4] for part in pixels)
    fitted = around(ode()).fit(np.asarray(X), y)
    path = save_model(fitted, tmp_path / "my.model")
    np.testing.assert_array_equal(load_model(path).predict(X), fitted.predict(X))
    before = path.read_bytes()
    schema = json.loads(members(io.BytesIO(members(path)[MODEL]))["schema.json"])
    bad = value({"iterator_valid__num_workers": 10_000})
    for number in {found["__id__"] for found in nodes_of(schema, "ODENetClassifier")}:

        def change(schema, _, number=number):
            for found in nodes_of(schema, "ODENetClassifier"):
                if found["__id__"] == number:
                    put(found["content"], "net_params", bad)

        path.write_bytes(before)
        edit(path, change)
        assert_refused(path, "num_workers")


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("net_params", [{"iterator_valid__num_workers": 10_000}]),
        ("odenetclassifier__compile", [True]),
        ("callbacks", ["x"]),
        ("n_jobs", [20_000]),
        ("memory", ["/tmp"]),
    ],
)
def test_a_search_in_a_file_does_not_choose_what_the_loader_decides(
    saved, pixels, tmp_path, name, choices
):
    search = GridSearchCV(SVC(), {"C": [1, 10]}, cv=2).fit(*pixels)
    path = save_model(search, tmp_path / "search.model")
    change = value({name: choices})
    edit(path, lambda schema, _: put(attributes(schema, "GridSearchCV")[0], "param_grid", change))
    assert_refused(path, rf"values of {name.rpartition('__')[2]} to choose from")


def test_such_a_search_is_not_saved_either(pixels, tmp_path):
    X, y = (part[::4] for part in pixels)
    grid = {"net_params": [None, {"iterator_train__drop_last": False}]}
    search = GridSearchCV(ode(), grid, cv=2).fit(X, y)
    with pytest.raises(TypeError, match="values of net_params to choose from"):
        save_model(search, tmp_path / "my.model")


def test_threads_processes_and_caches_are_off_until_the_caller_sets_them(pixels, tmp_path):
    X, y = (part[::4] for part in pixels)
    votes = VotingClassifier([("a", RandomForestClassifier(5)), ("b", ode())], voting="soft")
    fitted = make_pipeline(StandardScaler(), votes).fit(np.asarray(X), y)
    fitted.set_params(memory=str(tmp_path / "cache"), votingclassifier__n_jobs=2)
    for inner in fitted[-1].estimators_:
        inner.set_params(n_jobs=2)
    inner.set_params(compile=True)
    loaded = load_model(save_model(fitted, tmp_path / "my.model"))
    estimators = [*loaded[-1].estimators_, loaded[-1]]
    assert [estimator.n_jobs for estimator in estimators] == [None] * 3
    assert loaded.memory is None
    assert not estimators[1].compile
    assert not estimators[1].net_.compile
    np.testing.assert_allclose(loaded.predict_proba(X), fitted.predict_proba(X), atol=1e-6)
    assert loaded.set_params(votingclassifier__n_jobs=2)[-1].n_jobs == 2


def test_of_net_params_a_file_keeps_numbers_of_the_optimiser(pixels, tmp_path):
    X, y = pixels
    kept = {"optimizer__momentum": 0.5, "optimizer__nesterov": True}
    given = kept | {"iterator_train__drop_last": False, "iterator_valid__batch_size": 7}
    model = ode(optimizer="sgd", net_params=given).fit(X, y)
    loaded = load_model(save_model(model, tmp_path / "my.model"))
    assert loaded.net_params == kept
    assert loaded.net_.optimizer_.param_groups[0]["nesterov"]
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert model.net_params == given
    loaded.partial_fit(X, y)


def test_net_params_that_change_predictions_are_not_saved(pixels, tmp_path):
    model = ode(net_params={"predict_nonlinearity": None}).fit(*pixels)
    with pytest.raises(ValueError, match=r"net_params has set predict_nonlinearity.*pickle"):
        save_model(model, tmp_path / "my.model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "parameters", [{"n_filters": 8}, {"solver": "rk4"}, {"precision": "bfloat16"}], ids=str
)
def test_parameters_set_after_the_fit_are_not_saved(pixels, tmp_path, parameters):
    model = ode().fit(*pixels).set_params(**parameters)
    with pytest.raises(ValueError, match="have been changed since its fit"):
        save_model(model, tmp_path / "my.model")


def test_a_network_with_another_solver_is_saved(pixels, tmp_path):
    model = ode().fit(*pixels).with_solver("rk4", n_steps=3)
    loaded = load_model(save_model(model, tmp_path / "my.model"))
    np.testing.assert_array_equal(loaded.predict_proba(pixels[0]), model.predict_proba(pixels[0]))


# Networks and types


def other_network(n_bands, n_classes):
    """A function that no file may call."""
    raise AssertionError("It was called.")


@pytest.mark.parametrize(
    "network",
    [
        node("sklearn.svm._classes.SVC", "TypeNode"),
        node("sklearn.metrics._classification.accuracy_score", "FunctionNode"),
        node(f"{__name__}.other_network", "FunctionNode"),
    ],
    ids=lambda network: network["__class__"],
)
def test_the_network_of_a_file_is_one_that_the_caller_names(pixels, tmp_path, network):
    model = PatchNetClassifier(linear, max_epochs=1).fit(*pixels)
    path = save_model(model, tmp_path / "my.model", trusted=[linear])
    assert load_model(path, trusted=[linear]).n_iter_ == 1
    edit(path, lambda s, _: put(attributes(s, "PatchNetClassifier")[0], "network", network))
    with pytest.raises(ValueError, match=rf"not trusted \({network['__module__']}"):
        load_model(path, trusted=[linear])


def test_a_number_does_not_stand_for_two_things(pixels, tmp_path):
    model = PatchNetClassifier(linear, max_epochs=1).fit(*pixels)
    path = save_model(model, tmp_path / "my.model", trusted=[linear])

    def change(schema, parts):
        (found,) = attributes(schema, "PatchNetClassifier")
        number = found["content"]["network"]["__id__"]
        hidden = node("sklearn.svm._classes.SVC", "TypeNode", __id__=number)
        found["content"] = {"optimizer": hidden} | found["content"] | {"optimizer": hidden}

    edit(path, change)
    with pytest.raises(ValueError, match="under the number of something else"):
        load_model(path, trusted=[linear])


@pytest.mark.parametrize("way", ["ListNode", "TupleNode", "SetNode", "DictNode", "LossNode"])
def test_no_trusted_type_is_called_by_way_of_a_container(saved, way):
    made = node(f"{linear.__module__}.linear", way, content=listed(), __reduce__={"args": listed()})
    edit(saved, lambda schema, _: put(attributes(schema)[0], "random_state", made))
    with pytest.raises(ValueError, match=r"ode\.model"):
        load_model(saved, trusted=[linear])


def test_a_text_does_not_hold_a_structure(saved):
    hidden = node("builtins.str", "JsonNode", content='{"a": [1]}', is_json=True)
    edit(saved, lambda schema, _: put(attributes(schema)[0], "net_params", hidden))
    assert_refused(saved, "not a single value")


# What a file says is checked against itself


def set_to(name, plain):
    return lambda schema, _: put(attributes(schema)[0], name, value(plain))


def set_array(name, new):
    return lambda schema, parts: put(attributes(schema)[0], name, array(parts, new))


def set_weights(name, new):
    def change(schema, parts):
        (found,) = attributes(schema)
        put(found["content"]["net_"]["content"]["weights"], name, array(parts, new))

    return change


def without(name):
    def change(schema, parts):
        (found,) = attributes(schema)
        del found["content"][name]

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (set_array("classes_", np.arange(4)), "coef"),
        (set_array("classes_", np.array([1, 1, 2])), "classes_"),
        (set_array("classes_", np.array([3, 2, 1])), "classes_"),
        (set_array("classes_", np.ones((3, 1))), "classes_"),
        (set_to("classes_", [1, 2, 3]), "classes_"),
        (set_to("n_features_in_", 9), "9 bands"),
        (set_to("n_features_in_", -1), "n_features_in_"),
        (set_to("n_features_in_", 10**12), "bands"),
        (set_to("_patch_shape", [3, 3]), "_patch_shape"),
        (set_to("_gate_is_chosen", "yes"), "_gate_is_chosen"),
        (set_to("gate", 2.0), "gate"),
        (set_to("batch_size", 10**9), "batch_size"),
        (set_to("batch_size", "small"), "batch_size"),
        (set_to("n_filters", 10**5), "n_filters"),
        (set_to("n_filters", 4000), "weights"),
        (set_to("n_steps", 10**9), "n_steps"),
        (set_to("lr", float("nan")), "lr"),
        (set_to("solver", "magic"), "solver"),
        (set_to("precision", "float64"), "weights"),
        (set_to("shortcut", False), "weights"),
        (set_to("downsampling", False), "weights"),
        (set_to("callbacks", ["x"]), "callbacks"),
        (set_to("net_params", {"optimizer__momentum": 2}), "momentum"),
        (set_to("net_params", {"optimizer__momentum": "much"}), "momentum"),
        (set_to("net_", 1), "net_"),
        (set_to("spare", 1), "spare"),
        (without("lr"), "lr"),
        (without("classes_"), "classes_"),
        (set_weights("mean", np.full((8, 1, 1), np.nan, "f4")), "mean"),
        (set_weights("scale", np.full((8, 1, 1), np.inf, "f4")), "scale"),
        (set_weights("scale", np.zeros((8, 1, 1), "f4")), "scale"),
        (set_weights("scale", np.ones((8, 1, 1), "f8")), "scale"),
        (set_weights("scale", np.ones(8, "f4")), "scale"),
        (set_weights("gate", np.float32(2)), "gate"),
        (set_weights("spare", np.float32(2)), "spare"),
        (set_weights("scale", np.full((8, 1, 1), "1")), "weights"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(saved, change, named):
    edit(saved, change)
    assert_refused(saved, named)


def test_what_is_no_fitted_estimator_is_refused(saved):
    import skops.io

    for model in ({"a": 1}, 3, SVC(), ode()):
        rewrite(saved, skops.io.dumps(model))
        assert_refused(saved, "no fitted estimator")


def test_bands_that_are_a_type_are_refused(pixels, tmp_path):
    path = save_model(StandardScaler().fit(*pixels), tmp_path / "my.model")
    strange = node("builtins.str", "TypeNode")
    edit(path, lambda s, _: put(attributes(s, "StandardScaler")[0], "n_features_in_", strange))
    assert_refused(path, "no fitted estimator")


@pytest.mark.parametrize(
    "facts",
    [
        {"classes": [1, 2]},
        {"classes": "123"},
        {"n_bands": 9},
        {"n_bands": "8"},
        {"class_names": ["a"]},
        {"class_names": [1, 2, 3]},
        {"wavelengths": [1.0]},
        {"wavelengths": ["red"] * 8},
        {"wavelengths": [float("nan")] * 8},
        {"wavelengths": [-1.0] * 8},
        {"dropped_bands": "all"},
        {"versions": 1},
    ],
    ids=str,
)
def test_facts_that_are_not_those_of_the_model_are_refused(saved, facts):
    rewrite(saved, **facts)
    assert_refused(saved, rf"damaged.*{next(iter(facts))}")


@pytest.mark.parametrize(
    "strange", [500.0, [500.0], [-1.0] * 8, [float("nan")] * 8, "red"], ids=str
)
def test_wavelengths_in_a_part_that_are_not_of_its_bands_are_refused(pixels, tmp_path, strange):
    model = make_pipeline(PatchExtractor(3), ode()).fit(*pixels)
    path = save_model(model, tmp_path / "my.model")

    def change(schema, parts):
        new = array(parts, np.array(strange))
        put(attributes(schema, "PatchExtractor")[0], "wavelengths_in_", new)

    edit(path, change)
    with pytest.raises(ValueError, match=r"my\.model holds no fitted estimator: wavelengths"):
        load_model(path)


# Archives


def test_what_would_fill_the_memory_is_refused_before_it_is_unpacked(saved):
    for number in (0xFFFFFF00, 2 * SMALL):
        content = bytearray(saved.read_bytes())
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = struct.pack("<I", number)
        saved.write_bytes(content)
        for read in (load_model, describe_model):
            with pytest.raises(ValueError, match=r"ode\.model.*unpacks to .* GiB"):
                read(saved)


def test_zeros_inside_the_model_are_refused_likewise(saved):
    model = io.BytesIO(members(saved)[MODEL])
    with zipfile.ZipFile(model, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(SMALL + 1))
    rewrite(saved, model.getvalue())
    assert_refused(saved, "unpacks to")


def test_a_size_that_is_told_too_small_is_an_error(saved):
    content = bytearray(saved.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    saved.write_bytes(content)
    assert_refused(saved, "damaged")


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_an_error(saved, way):
    parts = members(saved)
    with zipfile.ZipFile(saved, "w", way) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert_refused(saved, "compressed in a way")


def test_a_file_that_was_repacked_loads(saved, pixels):
    parts, before = members(saved), load_model(saved).predict_proba(pixels[0])
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    np.testing.assert_array_equal(load_model(saved).predict_proba(pixels[0]), before)


@pytest.mark.parametrize("name", [ABOUT, MODEL, HASH])
def test_damage_to_a_repacked_file_is_an_error_that_names_it(saved, name):
    parts = members(saved)
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in parts.items():
            archive.writestr(each, content)
        start = archive.getinfo(name).header_offset + 30 + len(name)
    original = saved.read_bytes()
    for damage in (b"\x00" * 8, b"\xff" * 8, b"damaged!"):
        saved.write_bytes(original[:start] + damage + original[start + 8 :])
        assert_refused(saved, "damaged")


@pytest.mark.parametrize("what", ["facts", "schema"])
def test_a_structure_too_deep_to_read_is_an_error(saved, what):
    deep = "[" * 200_000 + "]" * 200_000
    if what == "schema":
        model = io.BytesIO()
        with zipfile.ZipFile(model, "w") as archive:
            archive.writestr("schema.json", deep)
        rewrite(saved, model.getvalue())
    else:
        parts = members(saved)
        with zipfile.ZipFile(saved, "w") as archive:
            for name, content in (parts | {ABOUT: deep.encode()}).items():
                archive.writestr(name, content)
    assert_refused(saved, "recursion")


def test_a_part_that_is_there_twice_is_an_error(saved):
    with (
        zipfile.ZipFile(saved, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr(MODEL, b"")
    assert_refused(saved, "twice")


def test_parts_that_stand_for_many_more_than_there_are_are_refused(saved):
    def change(schema, parts):
        many = value([])
        for number in range(1, 60):
            many = listed(many, value([]) | {"__id__": number}) | {"__id__": number + 1}
            many["content"][0]["__id__"] = number
        put(attributes(schema)[0], "class_weight", many)

    edit(saved, change)
    assert_refused(saved, "under the number of something else")


@pytest.mark.parametrize("dtype", ["V0", "<f4", "|O"])
def test_an_array_larger_than_its_bytes_is_refused(saved, dtype):
    header = str({"descr": dtype, "fortran_order": False, "shape": (10**12,)}).encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header

    def change(schema, parts):
        name = attributes(schema)[0]["content"]["classes_"]["file"]
        parts[name] = content

    edit(saved, change)
    assert_refused(saved, "another size than it says")


def test_archives_inside_the_model_are_bounded_likewise(saved):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(SMALL + 1))
    edit(saved, lambda schema, parts: parts.update({"sparse.npz": inner.getvalue()}))
    assert_refused(saved, "unpacks to")


def test_a_description_too_long_to_read_is_refused(saved):
    rewrite(saved, versions={"a": "b" * LARGEST_ABOUT})
    assert_refused(saved, "too much")
