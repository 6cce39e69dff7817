"""Measurements beside the peers; never timed tests."""
