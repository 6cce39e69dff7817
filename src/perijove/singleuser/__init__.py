"""What runs inside a user's server: Jupyter Server and JupyterLab, behind the hub's sign-in."""
