"""Damaged files, odd arguments and killed jobs, by the thousand: ``make fuzz``.

Prints a table of what became of them, and writes what went wrong into a folder, with a command
that repeats each case.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tabulate import tabulate
from tqdm import tqdm

from tests.robustness.child import Verdict, in_children
from tests.robustness.formats import FORMATS
from tests.robustness.mutations import damage
from tests.robustness.oracle import BAD, GOOD, judged
from tests.robustness.samples import Sample


@cache
def whole(name: str) -> Sample:
    """The sample of a format, with what is read from it as long as it is whole."""
    sample = FORMATS[name]()
    with TemporaryDirectory() as folder:
        sample.write(Path(folder))
        return replace(sample, truth=sample.read(Path(folder)))


def damaged(case: str) -> tuple[Sample, dict[str, bytes]]:
    """The sample of a case ``format/number``, and its files after damage."""
    name, _, number = case.rpartition("/")
    sample = whole(name)
    return sample, damage(sample, Random(f"{name}/{number}"))


def judge_file(case: str, folder: Path) -> Verdict:
    """What becomes of a damaged file."""
    return judged(*damaged(case), folder)


def cases_of_files(formats: list[str], n_cases: int, seed: int) -> Iterator[str]:
    for i in range(n_cases):
        yield f"{formats[i % len(formats)]}/{seed}-{i // len(formats)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=10_000, help="damaged images and labels")
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--case", help="repeat this one: FORMAT/SEED-NUMBER")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.case:
        return repeat(options.case, options.failures)
    for name in options.formats:
        whole(name)
    n_bad = 0
    with TemporaryDirectory() as root:

        def judge(case: str) -> Verdict:
            with TemporaryDirectory(dir=root) as folder:
                return judge_file(case, Path(folder))

        cases = cases_of_files(options.formats, options.files, options.seed)
        n_bad += tell("Images and labels", cases, judge, options)
    return min(n_bad, 1)


def tell(
    title: str,
    cases: Iterator[str],
    judge: Callable[[str], Verdict],
    options: argparse.Namespace,
) -> int:
    """Judge all cases, print a table of them, and return how many went wrong."""
    counts: dict[str, Counter[str]] = {}
    slowest, n_bad = (0.0, ""), 0
    bar = tqdm(
        in_children(cases, judge, n_jobs=options.jobs), desc=title, unit="case", disable=None
    )
    for case, verdict in bar:
        counts.setdefault(case.rpartition("/")[0], Counter())[verdict.word] += 1
        slowest = max(slowest, (verdict.seconds, case))
        if verdict.word not in GOOD:
            n_bad += 1
            keep(case, verdict, options.failures)
    words = [*GOOD, *BAD]
    rows = [[name, *(counts[name][word] for word in words)] for name in sorted(counts)]
    rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    print(f"\n## {title}\n\n{tabulate(rows, ['', *words], tablefmt='github')}\n")
    print(f"Slowest: {slowest[0]:.1f} s, {slowest[1]}", flush=True)
    return n_bad


def keep(case: str, verdict: Verdict, failures: Path) -> None:
    """Keep the files of a case that went wrong, and say how to repeat it."""
    folder = failures / verdict.word.replace(" ", "-") / case.replace("/", "-").replace(":", "")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in damaged(case)[1].items():
        (folder / name).write_bytes(content)
    command = f"python -m tests.robustness.fuzz --case '{case}'"
    (folder / "how.txt").write_text(f"{command}\n{verdict.word}: {verdict.details}\n")
    tqdm.write(f"{verdict.word}: {command}\n    {verdict.details[:300]}", file=sys.stderr)


def repeat(case: str, failures: Path) -> int:
    """Repeat a single case."""
    with TemporaryDirectory() as folder:
        whole(case.rpartition("/")[0])
        judge = partial(judge_file, folder=Path(folder))
        _, verdict = next(in_children([case], judge))
    print(f"{verdict.word}: {verdict.details}")
    return int(verdict.word not in GOOD)


if __name__ == "__main__":
    sys.exit(main())
