"""Put off an import that takes a second of every start and is hardly ever needed.

jsonschema imports rfc3987_syntax, which builds the grammar of all international addresses at
import, for a check that no schema of Jupyter Server asks for. It is built when it is asked for.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_NAME = "rfc3987_syntax"
_CHECK = "is_valid_syntax"


class _Later(ModuleType):
    """Stands in for the module until anything of it is used."""

    def __getattr__(self, attribute: str) -> Any:
        """Return the one function unbuilt, and all else from the real module."""
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return _check if attribute == _CHECK else getattr(_real(), attribute)


def put_off() -> None:
    """Do it, if the module is installed and nobody has imported it."""
    if _NAME not in sys.modules and find_spec(_NAME):
        sys.modules[_NAME] = _Later(_NAME)


def _check(*args: Any, **kwargs: Any) -> Any:
    return getattr(_real(), _CHECK)(*args, **kwargs)


def _real() -> ModuleType:
    if isinstance(sys.modules.get(_NAME), _Later):
        del sys.modules[_NAME]
    return importlib.import_module(_NAME)
