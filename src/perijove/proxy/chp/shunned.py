"""Shunned: addresses that no route may lead to unless `--allow-link-local` is given.

Machines in clouds learn their secrets there from whoever asks, and no server of a person has one.
"""

from functools import lru_cache
from ipaddress import ip_address, ip_network

_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local (RFC 3927); AWS, Azure, Google, OpenStack and others
        "fe80::/10",  # link-local (RFC 4291)
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
    )
)


@lru_cache(maxsize=1024)
def shunned(address: str) -> bool:
    """Return whether it is one of them; a name is none, what it stands for may be."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in _NETWORKS)
