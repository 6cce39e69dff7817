"""`perijove`, as a command and as `python -m perijove.cli`."""

import sys

from perijove.cli.frame import main

if __name__ == "__main__":
    sys.exit(main())
