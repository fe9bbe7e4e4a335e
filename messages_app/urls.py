"""The public addresses, each named once."""

from django.urls import path

from messages_app.views import service, wall

app_name = "messages_app"

urlpatterns = [
    path("", wall.wall, name="wall"),
    path("status", service.show_status, name="status"),
    path("livez", service.livez, name="livez"),
    path("readyz", service.readyz, name="readyz"),
]
