"""Parts of scikit-learn's estimators that ours take over: callbacks, links to the docs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

try:  # since scikit-learn 1.9
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's, which this version does not have."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "DocLinkMixin", "fit_context", "with_callbacks"]


class DocLinkMixin:
    """Links an estimator's diagram to its page on this package's documentation site."""

    _doc_link_module = "sklearn_hsiode"
    _doc_package = "sklearn_hsiode"  # from which users import the estimator

    @property
    def _doc_link_template(self) -> str:
        try:
            urls = metadata("sklearn-hsiode").get_all("Project-URL", [])
        except PackageNotFoundError:  # run from its source
            urls = []
        site = dict(url.split(", ", 1) for url in urls).get("Documentation", "").rstrip("/")
        return site and f"{site}/api/{self._doc_package}.{{estimator_name}}.html"


def fit_context(estimator: Any, n_epochs: int) -> Any:
    """Context of a fit for scikit-learn's callbacks, or None where there are none."""
    if not hasattr(estimator, "_init_callback_context"):
        return None
    return estimator._init_callback_context(max_subtasks=n_epochs)
