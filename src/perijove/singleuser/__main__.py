"""`perijove-singleuser`: what a hub starts for a user."""

import sys
import warnings

from perijove.singleuser import later


def main() -> None:
    """Serve until a signal says stop; exit 1 without a hub."""
    later.put_off()
    from jupyter_server.utils import JupyterServerAuthWarning  # noqa: PLC0415 - after put_off

    from perijove.singleuser.app import SingleUserApp  # noqa: PLC0415 - likewise

    # Endpoints that forgot to say who may use them ask for sign-in: that is no news for a user.
    warnings.filterwarnings("ignore", category=JupyterServerAuthWarning)
    SingleUserApp.launch_instance()
    sys.exit(1 if SingleUserApp.instance().failed else 0)


if __name__ == "__main__":
    main()
