"""HTML for people; no page does what the API cannot."""
