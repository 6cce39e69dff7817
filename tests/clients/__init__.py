"""Unmodified programs of JupyterHub's world, each with a real hub of ours: hub.md 10."""
