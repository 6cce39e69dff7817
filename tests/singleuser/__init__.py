"""Single-user servers under a hub that does as it is told, and under ours."""
