"""Which names and addresses are of this machine."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone, so that nothing sent to it leaves it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # RFC 6761 keeps the whole of .localhost for it.
        return host == "localhost" or host.endswith(".localhost")
