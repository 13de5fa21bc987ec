"""Any estimators x any splitter on a scene: runs that resume, tables, maps."""

from sklearn_hsiode.benchmark._benchmark import run_benchmark
from sklearn_hsiode.benchmark._chosen import choices_table, chosen
from sklearn_hsiode.benchmark._differences import (
    PairedDifference,
    differences_table,
    paired_differences,
)
from sklearn_hsiode.benchmark._maps import draw_maps
from sklearn_hsiode.benchmark._models import benchmark_models
from sklearn_hsiode.benchmark._run import Run
from sklearn_hsiode.benchmark._solvers import (
    draw_solvers,
    resolved_accuracy,
    solver_models,
    solvers_table,
)
from sklearn_hsiode.benchmark._tables import results_table, write_tables

__all__ = [
    "PairedDifference",
    "Run",
    "benchmark_models",
    "choices_table",
    "chosen",
    "differences_table",
    "draw_maps",
    "draw_solvers",
    "paired_differences",
    "resolved_accuracy",
    "results_table",
    "run_benchmark",
    "solver_models",
    "solvers_table",
    "write_tables",
]
