"""The devices by which moderators give a code: apps, and lists of recovery codes."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES = 10  # in a list


class OfStaff(admin.ModelAdmin):
    """What both kinds of device share: they belong to one of staff, and say little."""

    raw_id_fields = ()
    list_filter = ["confirmed"]
    search_fields = ["user__username"]
    search_help_text = None

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        """Allow the list's own filter: others can be errors of the database."""
        return lookup == "confirmed__exact"

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "user":
            kwargs["queryset"] = get_user_model().objects.filter(is_staff=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


admin.site.unregister([TOTPDevice, StaticDevice])


@admin.register(TOTPDevice)
class AppAdmin(OfStaff, TOTPDeviceAdmin):
    readonly_fields = ["created_at", "last_used_at"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show whose it is. The key is made by itself, and its QR code tells the rest."""
        return [
            (None, {"fields": ["user", "name", "confirmed", *self.readonly_fields]})
        ]

    def response_add(
        self, request: HttpRequest, obj: TOTPDevice, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the QR code, which is why it was added."""
        super().response_add(request, obj, post_url_continue)  # tells that it was
        return HttpResponseRedirect(
            reverse("admin:otp_totp_totpdevice_config", args=[obj.pk])
        )

    def config_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        get_object_or_404(TOTPDevice, pk=pk)
        return super().config_view(request, pk)

    def qrcode_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        get_object_or_404(TOTPDevice, pk=pk)
        return super().qrcode_view(request, pk)


class RecoveryCodes(admin.TabularInline):
    model = StaticToken
    readonly_fields = ["token"]
    extra = 0
    verbose_name_plural = _("recovery codes, each for one sign-in")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are made by chance, not by people."""
        return False


@admin.register(StaticDevice)
class RecoveryAdmin(OfStaff, StaticDeviceAdmin):
    inlines = [RecoveryCodes]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.inlines if obj else []

    def save_model(
        self, request: HttpRequest, obj: StaticDevice, form: Any, change: bool
    ) -> None:
        """Make the codes of a new list."""
        super().save_model(request, obj, form, change)
        if not change:
            for _each in range(RECOVERY_CODES):
                obj.token_set.create(token=StaticToken.random_token())

    def response_add(
        self, request: HttpRequest, obj: StaticDevice, post_url_continue: Any = None
    ) -> HttpResponse:
        """Show them."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(
            reverse("admin:otp_static_staticdevice_change", args=[obj.pk])
        )
