"""The wall's addresses, and a Django view that does nothing, behind the same middleware."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as wall_urls


def empty(request: HttpRequest) -> HttpResponse:
    """Answer what /bare answers."""
    return HttpResponse("ok")


urlpatterns = [path("empty", empty), *wall_urls]
