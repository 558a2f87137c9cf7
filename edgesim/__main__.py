"""`python -m edgesim` is `edgesim`."""

import sys

from edgesim.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
