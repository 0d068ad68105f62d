"""The settings that the Django example names; its pages, too."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from asgisec.errors import SecurityError

ALLOWED_HOSTS = ["shop.example"]
ROOT_URLCONF = "shop.settings"
SECRET_KEY = "only-for-tests"  # noqa: S105 - it signs nothing
USE_TZ = True


def front(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<title>Shop</title>")


def order(request: HttpRequest) -> HttpResponse:
    raise SecurityError


def sorry(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<title>Sorry</title>", status=500)


handler500 = "shop.settings.sorry"
urlpatterns = [path("", front), path("orders/7", order)]
