"""Keep a hub and a proxy running on one machine, and end them together with the servers."""
