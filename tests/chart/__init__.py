"""The chart: what it renders, what its schema takes, and what it refuses in words."""
