"""Which issuers' tokens an API takes, for clients that come to it first (RFC 9728).

- `resource` is the URL of the API as its clients write it, to the letter.
- It belongs at `path`: the well-known path stands between the host and the path of the API (section 3.1).
- A challenge names `url`, as `resource_metadata` (section 5.1), so that a client that got a 401 finds its way.

A method other than GET and HEAD is a 405.

When you deploy: if the API has a path, the document is still at the root of the host, where another application may
be.

    resource = ProtectedResourceMetadata("https://api.example.com", authorization_servers=["https://id.example.com"])
    routes = [Route(resource.path, resource)]
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from asgisec.errors import ConfigError
from asgisec.oauth2._documents import DocumentEndpoint, identifier, names, url, well_known

__all__ = ["ProtectedResourceMetadata"]

_BEARER_METHODS = frozenset({"header"})  # of RFC 9728 section 2, those that are implemented


class ProtectedResourceMetadata(DocumentEndpoint):
    """Publish what an API takes; the options have the names that RFC 9728 gives them.

    Args:
        resource: The URL of the API.
        authorization_servers: The issuers whose tokens it takes.
        scopes_supported: Scopes that may be asked for.
        bearer_methods_supported: How a token is presented; `header` is the one that is implemented.
        resource_name: A name for people.
        resource_documentation: A page for developers.
        resource_policy_uri: A page on what clients may do with what they get.
        resource_tos_uri: The terms of service.
        max_age: For how long caches may keep the answer.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        resource: str,
        *,
        authorization_servers: Iterable[str],
        scopes_supported: Iterable[str] | None = None,
        bearer_methods_supported: Iterable[str] = ("header",),
        resource_name: str | None = None,
        resource_documentation: str | None = None,
        resource_policy_uri: str | None = None,
        resource_tos_uri: str | None = None,
        max_age: float | timedelta = 3600,
    ) -> None:
        super().__init__(max_age)
        where = "ProtectedResourceMetadata"
        called = identifier(f"{where}(resource=)", resource)
        option = f"{where}(authorization_servers=)"
        servers = names(option, authorization_servers)
        if servers is None:
            raise ConfigError(option, authorization_servers, "name at least one issuer")
        if resource_name is not None and not (isinstance(resource_name, str) and resource_name):
            raise ConfigError(f"{where}(resource_name=)", resource_name, "write a text, or leave it out")
        urls = {
            "resource_documentation": resource_documentation,
            "resource_policy_uri": resource_policy_uri,
            "resource_tos_uri": resource_tos_uri,
        }
        found = {
            "authorization_servers": [identifier(option, server) for server in servers],
            "scopes_supported": names(f"{where}(scopes_supported=)", scopes_supported),
            "bearer_methods_supported": names(
                f"{where}(bearer_methods_supported=)", bearer_methods_supported, _BEARER_METHODS
            ),
            "resource_name": resource_name,
            **{name: url(f"{where}({name}=)", value) for name, value in urls.items()},
        }
        self._document: dict[str, object] = {
            "resource": called,
            **{name: value for name, value in found.items() if value},
        }
        self.path = well_known("oauth-protected-resource", called, keep_slash=True)
        """The path where clients look for it."""
        parts = urlsplit(called)
        self.url = f"{parts.scheme}://{parts.netloc}{self.path}"
        """Where it is: what a challenge names as `resource_metadata`."""

    def document(self) -> Mapping[str, object]:
        """Return what is published."""
        return self._document
