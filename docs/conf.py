"""Sphinx configuration: make docs."""

from sklearn_hsiode import __version__

project = "sklearn-hsiode"
author = "the sklearn-hsiode developers"
copyright = "2026, the sklearn-hsiode developers"
version = release = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build", "results"]
myst_heading_anchors = 2
suppress_warnings = ["ref.ref"]  # links into scikit-learn's own pages
autosummary_generate = True
autodoc_inherit_docstrings = False
numpydoc_show_class_members = False
html_theme = "alabaster"
html_theme_options = {"description": project, "fixed_sidebar": True}
