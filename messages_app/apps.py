"""The app's name; loads its checks."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagesAppConfig(AppConfig):
    name = "messages_app"
    verbose_name = _("Message wall")

    def ready(self) -> None:
        from messages_app import checks  # noqa: F401 - importing registers them
