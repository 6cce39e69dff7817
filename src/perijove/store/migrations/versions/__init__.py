"""One module per revision; Alembic finds them by what they say, not by their names."""
