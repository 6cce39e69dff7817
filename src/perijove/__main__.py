"""`python -m perijove`: the command line."""

import sys

from perijove.cli.frame import main

if __name__ == "__main__":
    sys.exit(main())
