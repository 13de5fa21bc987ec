"""Synthetic scenes, and the public scenes on which methods are compared."""

from sklearn_hsiode.datasets._remote import (
    fetch_botswana,
    fetch_indian_pines,
    fetch_ksc,
    fetch_pavia_university,
    fetch_salinas,
    fetch_salinas_a,
)
from sklearn_hsiode.datasets._synthetic import make_scene

__all__ = [
    "fetch_botswana",
    "fetch_indian_pines",
    "fetch_ksc",
    "fetch_pavia_university",
    "fetch_salinas",
    "fetch_salinas_a",
    "make_scene",
]
