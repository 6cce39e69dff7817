"""Servers as pods of a Kubernetes cluster; every name and label is that of KubeSpawner 7."""
