"""The whole configuration as one frozen tree, with the keys of values.yaml where it has one."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perijove.settings.problem import BadConfig, Problem
from perijove.settings.read import Reading, read, read_tree
from perijove.settings.sections import Settings

__all__ = ["BadConfig", "Problem", "Reading", "Settings", "load", "of", "read", "read_tree"]

logger = logging.getLogger(__name__)


def load(
    file: Path | None, environment: Mapping[str, str] = os.environ, *, cluster: bool = False
) -> Settings:
    """Return the settings in `file` (None: the defaults), what the environment says over them.

    Raises:
        BadConfig: with everything that is wrong, and where.
    """
    reading = read(file, environment, cluster=cluster)
    settings = reading.required()
    for notice in reading.notices:
        logger.warning("%s", notice)
    if reading.idle:
        logger.info("no effect here: %s", ", ".join(reading.idle))
    return settings


def of(tree: Mapping[str, Any]) -> Settings:
    """Return the settings that a tree of plain values says.

    Raises:
        BadConfig: with everything that is wrong.
    """
    return read_tree(tree, {}).required()
