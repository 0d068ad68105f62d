"""Which URLs are worth trusting with keys: HTTPS, or plain HTTP that never leaves this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["is_loopback", "is_safe_url"]


def is_safe_url(url: object) -> bool:
    """Tell whether a URL is absolute, has no credentials in it, and is `https`, or `http` to this machine."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is none is a ValueError
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, whatever a resolver says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
