"""Command line: ``hsiode`` and ``python -m sklearn_hsiode``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sklearn_hsiode import __version__
from sklearn_hsiode._cli.experiments import add_experiments
from sklearn_hsiode._cli.models import add_models

EXPECTED = (ValueError, TypeError, OSError, ImportError, RuntimeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one line on stderr and exit status 1.

    Parameters
    ----------
    arguments : list of str, default=None
        Command and options; those of the process by default.

    Returns
    -------
    status : int
        0 on success, 1 for a mistake or a failure, 130 when interrupted by Ctrl-C.
    """
    options = argparse.Namespace(command="", debug=True)  # until it is known what was asked for
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except KeyboardInterrupt as interruption:
        what_is_left = f": {interruption}" if interruption.args else ""
        print(f"{f'hsiode {options.command}'.strip()}: interrupted{what_is_left}", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug:
            raise
        reason = " ".join(str(error).split()) or "it has failed, see --debug"
        if not isinstance(error, EXPECTED):
            reason = f"{type(error).__name__}: {reason}"
        print(f"hsiode {options.command}: {reason}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hsiode", description="Classify hyperspectral images with neural ODEs."
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    add_models(subparsers)
    add_experiments(subparsers)
    return parser
