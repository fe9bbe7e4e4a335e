"""Apps of others, as they are here: which site the admin is, and what they are called."""

from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.apps import DefaultConfig as StaticConfig
from django_otp.plugins.otp_totp.apps import DefaultConfig as TOTPConfig


class DeskConfig(AdminConfig):
    default_site = "messages_app.desk.Desk"


class CodesConfig(TOTPConfig):
    verbose_name = _("Signing in: codes from an app")


class RecoveryCodesConfig(StaticConfig):
    verbose_name = _("Signing in: recovery codes")
