"""Tests of the platform. Who asks over HTTP waits as long for an answer as a busy machine needs."""

from httpx._config import DEFAULT_TIMEOUT_CONFIG as PATIENCE

# Five seconds of its own are too few where a JupyterLab begins, and three others beside it.
PATIENCE.connect = PATIENCE.read = PATIENCE.write = PATIENCE.pool = 60.0
