"""The command line and the REST API of configurable-http-proxy 5, on our data plane."""
