"""Our source files as syntax trees."""

import ast
import gc
from pathlib import Path


def tree(file: Path) -> ast.Module:
    """Return that of a file.

    What is collected meanwhile may parse something itself, and CPython 3.11 then says "AST
    constructor recursion depth mismatch".
    """
    text = file.read_text(encoding="utf-8")
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()
