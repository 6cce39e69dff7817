"""Our hub on Kubernetes beside that of Zero-to-JupyterHub; see __main__."""
