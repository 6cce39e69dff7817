"""The command line: `perijove <noun> <verb>`."""
