"""FastAPI: guards with scopes, the OAuth 2 endpoints as a router, and documentation pages that keep working."""

from typing import TYPE_CHECKING

from asgisec._extras import needs

with needs("fastapi", "install asgisec[fastapi]"):
    from asgisec.integrations.fastapi.guard import SecurityGuard
    from asgisec.integrations.fastapi.installing import install
    from asgisec.integrations.fastapi.pages import DocsPages, docs_page

if TYPE_CHECKING:
    from asgisec.integrations.fastapi.router import auth_router

__all__ = ["DocsPages", "SecurityGuard", "auth_router", "docs_page", "install"]


# Hidden from type checkers, to which a misspelled name is an error, too.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # It needs what signs tokens, which an application that is only secured does not.
        if name == "auth_router":
            from asgisec.integrations.fastapi.router import auth_router  # noqa: PLC0415

            return auth_router
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
