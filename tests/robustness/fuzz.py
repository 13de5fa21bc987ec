"""Damaged files, odd arguments and killed jobs, by the thousand: ``make fuzz``.

Prints a table of what became of them, and writes what went wrong into a folder, with a command
that repeats each case.
"""

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from tests.robustness import arguments, jobs, kills, models
from tests.robustness.child import SECONDS, Verdict, in_children
from tests.robustness.formats import FORMATS
from tests.robustness.mutations import damage
from tests.robustness.oracle import BAD, GOOD, judged, listening, without
from tests.robustness.samples import Sample


def judge_file(case: str, folder: Path) -> Verdict:
    """What becomes of a damaged image or label file: of ``format/number``."""
    return judged(*damaged(case), folder)


def keep_file(case: str, folder: Path) -> None:
    """Keep the files of a case."""
    for name, content in damaged(case)[1].items():
        (folder / name).write_bytes(content)


@cache
def whole(name: str) -> Sample:
    """The sample of a format, with what is read from it as long as it is whole."""
    sample = FORMATS[name]()
    with TemporaryDirectory() as root, listening() as messages:
        folder = Path(root)
        sample.write(folder)
        truth = sample.read(folder)
    return replace(sample, truth=truth, messages=without(folder, messages))


def damaged(case: str) -> tuple[Sample, dict[str, bytes]]:
    """The sample of a case, and its files after damage."""
    name, _, number = case.rpartition("/")
    sample = whole(name)
    return sample, damage(sample, Random(f"{name}/{number}"))


def judge_argument(case: str, folder: Path) -> Verdict:
    """What becomes of an odd argument: of ``call/argument/number of the value``."""
    return Verdict(*arguments.judge(case, folder))


@dataclass(frozen=True)
class Kind:
    """Cases of a kind: ``kind/name/number``."""

    title: str
    names: Collection[str]
    prepare: Callable[[str], Any]
    judge: Callable[[str, Path], Verdict]
    keep: Callable[[str, Path], None]
    good: Collection[str] = GOOD
    bad: Collection[str] = BAD
    seconds: float = SECONDS


KINDS = {
    "files": Kind("Images and labels", FORMATS, whole, judge_file, keep_file),
    "models": Kind(
        *("Model files", models.MODELS, models.whole, models.judge, models.keep, models.GOOD),
    ),
    "arguments": Kind(
        *("Odd arguments", arguments.NAMES, lambda _: arguments.prepare(), judge_argument),
        *(
            lambda *_: None,
            ("same", "error"),
            ("wrong in silence", "foreign error", "hang", "death"),
        ),
    ),
    "kills": Kind(
        *("Killed jobs, full disks and read-only folders", jobs.JOBS),
        *(kills.whole, kills.judge, kills.keep, kills.GOOD, kills.BAD, 4 * kills.SECONDS),
    ),
}


def cases_of(kind: str, n_cases: int, seed: int, only: Collection[str]) -> Iterator[str]:
    """As many cases as are wanted, of all names in turn."""
    names = [name for name in KINDS[kind].names if not only or name in only]
    for name in names if n_cases else ():
        KINDS[kind].prepare(name)
    if kind == "arguments":
        cases = [case for case in arguments.all_cases() if case.split("/")[0] in names]
        yield from (f"arguments/{case}" for case in Random(seed).sample(cases, n_cases))
        return
    for i in range(n_cases if names else 0):
        yield f"{kind}/{names[i % len(names)]}/{seed}-{i // len(names)}"


def main() -> int:
    """Judge as many cases of each kind as are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=0, help="damaged images and labels")
    parser.add_argument("--models", type=int, default=0, help="damaged model files")
    parser.add_argument("--arguments", type=int, default=0, help="odd arguments")
    parser.add_argument("--kills", type=int, default=0, help="jobs that are stopped")
    parser.add_argument("--only", nargs="*", default=[], help="formats, models or jobs")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--case", help="repeat this one")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default %(default)s)")
    options = parser.parse_args()
    if options.case:
        return repeat(options.case)
    n_bad = 0
    for kind in KINDS:
        cases = list(cases_of(kind, getattr(options, kind), options.seed, options.only))
        n_bad += tell(KINDS[kind], cases, options) if cases else 0
    return min(n_bad, 1)


def tell(kind: Kind, cases: list[str], options: argparse.Namespace) -> int:
    """Judge all cases, print a table of them, and return how many went wrong."""
    counts: dict[str, Counter[str]] = {}
    slowest, n_bad = (0.0, ""), 0
    with TemporaryDirectory() as root:
        judge = partial(judge_in, root)
        verdicts = in_children(cases, judge, n_jobs=options.jobs, seconds=kind.seconds)
        bar = tqdm(verdicts, desc=kind.title, total=len(cases), unit="case", disable=None)
        for case, verdict in bar:
            counts.setdefault(case.split("/")[1], Counter())[verdict.word] += 1
            slowest = max(slowest, (verdict.seconds, case))
            if verdict.word not in kind.good:
                n_bad += 1
                keep(case, verdict, options.failures)
    words = [*kind.good, *kind.bad]
    rows = [[name, *(counts[name][word] for word in words)] for name in sorted(counts)]
    rows.append(["all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    print(f"\n## {kind.title}\n\n{tabulate(rows, ['', *words], tablefmt='github')}\n")
    print(f"Slowest: {slowest[0]:.1f} s, {slowest[1]}", flush=True)
    return n_bad


def judge_in(root: str, case: str) -> Verdict:
    """Judge a case in a folder of its own."""
    kind, _, rest = case.partition("/")
    with TemporaryDirectory(dir=root) as folder:
        for path in (root, folder):
            Path(path).chmod(0o755)  # jobs look into them as another user
        return KINDS[kind].judge(rest, Path(folder))


def keep(case: str, verdict: Verdict, failures: Path) -> None:
    """Keep the files of a case that went wrong, and say how to repeat it."""
    kind, _, rest = case.partition("/")
    folder = failures / verdict.word.replace(" ", "-") / case.replace("/", "-").replace(":", "")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    KINDS[kind].keep(rest, folder)
    command = f"python -m tests.robustness.fuzz --case '{case}'"
    (folder / "how.txt").write_text(f"{command}\n{verdict.word}: {verdict.details}\n")
    tqdm.write(f"{verdict.word}: {command}\n    {verdict.details[:300]}", file=sys.stderr)


def repeat(case: str) -> int:
    """Repeat a single case."""
    name, rest, *_ = case.split("/")
    kind = KINDS[name]
    kind.prepare(rest)
    with TemporaryDirectory() as root:
        judge = partial(judge_in, root)
        _, verdict = next(in_children([case], judge, seconds=kind.seconds))
    print(f"{verdict.word}: {verdict.details}")
    return int(verdict.word not in kind.good)


if __name__ == "__main__":
    sys.exit(main())
