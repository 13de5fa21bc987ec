"""``python -m sklearn_hsiode`` is ``hsiode``."""

import sys

from sklearn_hsiode._cli import main

sys.exit(main())
