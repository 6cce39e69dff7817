"""The data plane: match, forward, count. Knows no users and no database."""
