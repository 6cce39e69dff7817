"""OAuth 2 provider: how servers and services learn who has come (hub.md 1.4)."""
