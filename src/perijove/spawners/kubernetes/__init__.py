"""Servers as pods of a Kubernetes cluster, each with a home on a claim."""
