"""The proxy beside configurable-http-proxy and nginx: what an operation costs each of them."""
