"""Run the benchmarks: ``make bench``, or ``python tests/performance/run.py prediction``.

Each prints a ratio to the reference that its line names: the median, the smallest and the largest
of some repeats, then both absolute times. Where a bar is set, it says whether the median is below.
"""

import argparse

import maps  # noqa: F401
import torch
from cases import CASES
from measure import machine


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help=f"some of {', '.join(CASES)} (default all)")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")

    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(machine(), flush=True)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for device in devices:
        for name in arguments.cases or CASES:
            print(f"\n{name} on {device}: {CASES[name].__doc__}", flush=True)
            for ratio in CASES[name](device):
                print(f"  {ratio}", flush=True)
    if "cuda" not in devices:
        print("\nOn CUDA: not run, PyTorch finds no CUDA device here.")


if __name__ == "__main__":  # which workers of a cluster are not
    main()
