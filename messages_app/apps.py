"""The app's name; loads its checks."""

from django.apps import AppConfig


class MessagesAppConfig(AppConfig):
    name = "messages_app"
    verbose_name = "Message wall"

    def ready(self) -> None:
        from messages_app import checks  # noqa: F401 - importing registers them
