"""Views of a test module, served by Django, whose settings are made once per process."""

from typing import Any

from django.conf import settings

from tests.asgi import App, Message
from tests.servers.apps import django_app

__all__ = ["serving"]


def serving(urls: str) -> App:
    """Return an application that serves the `urlpatterns` of a module."""
    app = django_app()

    async def with_these_urls(scope: Message, receive: Any, send: Any) -> None:
        before, settings.ROOT_URLCONF = settings.ROOT_URLCONF, urls
        try:
            await app({**scope}, receive, send)
        finally:
            settings.ROOT_URLCONF = before

    return with_these_urls
