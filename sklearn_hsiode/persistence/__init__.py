"""Model files that run no code when they are loaded."""

from sklearn_hsiode.persistence._model_file import (
    describe_model,
    load_model,
    save_model,
)

__all__ = ["describe_model", "load_model", "save_model"]
