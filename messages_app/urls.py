"""The public addresses, each named once."""

from django.urls import path

from messages_app import views

app_name = "messages_app"

urlpatterns = [
    path("", views.wall, name="wall"),
    path("status", views.show_status, name="status"),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]
