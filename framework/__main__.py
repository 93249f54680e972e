"""`python -m fulgurite` is the `fulgurite` command."""

import sys

from .cli import main

sys.exit(main())
