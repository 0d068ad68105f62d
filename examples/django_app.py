"""A Django application in one file, secured in one line.

    uvicorn examples.django_app:app --no-server-header --lifespan off

`secure` returns a middleware around Django's ASGI handler. Django's own `SecurityMiddleware` can stay where it is: a
header that the application sets wins, and comes once. Keep `CsrfViewMiddleware` for pages with forms and cookies;
`ALLOWED_HOSTS` may name the same hosts, as `TrustedHosts` has refused every other before. Django serves no WebSockets.
"""

import os
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from asgisec import request_id, secure

HOSTS = ["127.0.0.1", "api.example.com"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or os.urandom(32).hex()


def index(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "world", "request_id": request_id()})


def fails(request: HttpRequest) -> JsonResponse:
    raise RuntimeError("the log knows why; the client learns nothing")


urlpatterns = [path("", index), path("fails", fails)]

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=HOSTS, MIDDLEWARE=MIDDLEWARE, SECRET_KEY=SECRET_KEY)
django.setup()
app: Any = secure(get_asgi_application(), hosts=HOSTS, origins=["https://app.example.com"])
