"""Any estimators x any splitter on a scene: runs that resume, tables, maps."""

from sklearn_hsiode.benchmark._benchmark import run_benchmark
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
    "Run",
    "benchmark_models",
    "draw_maps",
    "draw_solvers",
    "resolved_accuracy",
    "results_table",
    "run_benchmark",
    "solver_models",
    "solvers_table",
    "write_tables",
]
