"""Shards: the parts into which servers fall, so that several hubs share them out."""

from zlib import crc32

SHARDS = 64


def shard_of(key: str) -> int:
    """Return the shard of the server whose workload is called `key`, 0 to 63, for ever the same."""
    return crc32(key.encode()) % SHARDS
