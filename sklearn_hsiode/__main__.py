"""``python -m sklearn_hsiode`` is ``hsiode``."""

import sys

from sklearn_hsiode.cli import main

sys.exit(main())
