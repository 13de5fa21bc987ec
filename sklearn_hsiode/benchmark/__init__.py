"""Any estimators x any splitter on a scene: runs that resume, tables, maps."""

from sklearn_hsiode.benchmark.maps import draw_maps
from sklearn_hsiode.benchmark.models import PAPER, RECIPES, Recipe, benchmark_models
from sklearn_hsiode.benchmark.run import Run
from sklearn_hsiode.benchmark.runs import run_benchmark
from sklearn_hsiode.benchmark.tables import results_table, write_tables

__all__ = [
    "PAPER",
    "RECIPES",
    "Recipe",
    "Run",
    "benchmark_models",
    "draw_maps",
    "results_table",
    "run_benchmark",
    "write_tables",
]
