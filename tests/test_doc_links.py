"""The diagram of an estimator links to its page on the site that the package's metadata name."""

from email.message import Message
from importlib import import_module
from importlib.metadata import PackageNotFoundError

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    SpectralTransformer,
)
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.preprocessing import ContinuumRemoval, SpectralDerivative, StandardNormalVariate

estimators = pytest.mark.parametrize(
    "estimator",
    [
        *(ODENetClassifier(), ResNetClassifier(), PatchNetClassifier(print), PatchExtractor()),
        *(SpectralTransformer(StandardScaler()), CoordinateClassifier()),
        *(ContinuumRemoval(), SpectralDerivative(), StandardNormalVariate()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
SITE = "https://hsiode.example/docs"


@pytest.fixture
def publish(monkeypatch):
    """Let the package's metadata name these addresses."""

    def replace_metadata(*urls):
        about = Message()
        for url in urls:
            about["Project-URL"] = url
        monkeypatch.setattr("sklearn_hsiode._sklearn.metadata", lambda name: about)

    return replace_metadata


@estimators
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_link_leads_to_the_page_of_the_name_that_users_import(estimator, slash, publish):
    publish("Source, https://code.example", f"Documentation, {SITE}{slash}")
    link = estimator._get_doc_link()
    assert link.startswith(f"{SITE}/api/")
    package, name = link.removeprefix(f"{SITE}/api/").removesuffix(".html").rsplit(".", 1)
    assert getattr(import_module(package), name) is type(estimator)
    assert f'href="{link}"' in estimator._repr_html_()


@estimators
def test_without_an_address_there_is_no_link_to_the_package(estimator, publish):
    publish("Source, https://code.example")
    assert estimator._get_doc_link() == ""
    assert "example" not in estimator._repr_html_()


def test_a_package_that_is_not_installed_has_diagrams_without_links(monkeypatch):
    def not_found(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("sklearn_hsiode._sklearn.metadata", not_found)
    assert PatchExtractor()._get_doc_link() == ""
    assert "PatchExtractor" in PatchExtractor()._repr_html_()


def test_in_the_diagram_of_a_pipeline_each_estimator_has_its_own_link(publish):
    publish(f"Documentation, {SITE}")
    diagram = make_pipeline(PatchExtractor(), ODENetClassifier())._repr_html_()
    for step in (PatchExtractor(), ODENetClassifier()):
        assert step._get_doc_link() in diagram


def test_a_subclass_in_other_code_has_no_link_to_our_site(publish):
    class Mine(PatchExtractor):
        pass

    publish(f"Documentation, {SITE}")
    assert Mine()._get_doc_link() == ""
