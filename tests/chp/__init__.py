"""Tests of `perijove-proxy`: the command line and the API of configurable-http-proxy."""
