"""The hub beside JupyterHub 6.1.1: what a start, a look and a crowd cost each of them."""
