"""Hubs beside a real cluster that are killed, or whose API server fails, while we watch."""
