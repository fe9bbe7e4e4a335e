"""Which site Django's admin is here: the moderator's desk."""

from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    default_site = "messages_app.desk.Desk"
