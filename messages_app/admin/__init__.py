"""The moderator's desk: Django admin, and no other front end."""

from django.conf import settings
from django.contrib import admin

from messages_app.admin.messages import MessageAdmin

__all__ = ["MessageAdmin"]

admin.site.site_header = admin.site.site_title = settings.WALL_TITLE
