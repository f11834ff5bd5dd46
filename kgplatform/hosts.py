"""Which names and addresses are of this machine, and why another is not believed."""

from __future__ import annotations

import ipaddress
import re
import ssl

CERTIFICATE_REMEDY = (
    "use the name that the certificate is for, have it renewed, or name its authority's file in "
    "SSL_CERT_FILE"
)
"""What to do about a certificate that is not believed."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone, so that nothing sent to it leaves it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # RFC 6761 keeps the whole of .localhost for it.
        return host == "localhost" or host.endswith(".localhost")


def fault_of_certificate(error: BaseException) -> str | None:
    """What is wrong with the other side's certificate; None if the error is not about one.

    Clients wrap the error of the ssl module in theirs, some more than once.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return str(seen.verify_message).rstrip(".")
        seen = seen.__cause__ or seen.__context__
    return None


def shown_uri(uri: str) -> str:
    """The address without any user or password that somebody put into it, quoted or as it is."""
    return re.sub(r"//\S*@", "//", uri)
