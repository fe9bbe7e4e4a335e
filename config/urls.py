"""Where requests enter: the wall, and the moderators' admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("messages_app.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "messages_app.views.requests.bad_request"
