"""HTTP/2 with browsers: many requests at once on one connection (RFC 9113)."""
