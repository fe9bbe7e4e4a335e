"""Where requests enter: the wall, and the moderators' admin."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("messages_app.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler400 = "messages_app.views.requests.bad_request"
