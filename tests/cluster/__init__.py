"""Tests on a real Kubernetes: `make test-cluster`."""
