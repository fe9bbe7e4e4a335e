"""The app's name; loads its checks, and what follows each migrate."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MessagesAppConfig(AppConfig):
    name = "messages_app"
    verbose_name = _("Message wall")

    def ready(self) -> None:
        from messages_app import checks, roles  # noqa: F401 - importing registers them

        post_migrate.connect(roles.make_moderators, sender=self)
