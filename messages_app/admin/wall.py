"""How the wall is moderated, on the desk: its mode, the flood valve, thresholds."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messages_app.admin import batches, progress
from messages_app.models import Act, Mode, WallState
from messages_app.moderation import acts


class WallStateForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        risky, all_ = cleaned.get("risky_per_minute"), cleaned.get("all_per_minute")
        if risky and all_ and all_ < risky:
            told = _(
                "This is the stricter step: give as many as in the line above or more, "
                "or 0."
            )
            self.add_error("all_per_minute", forms.ValidationError(told, code="order"))
        return cleaned


@admin.register(WallState)
class WallStateAdmin(admin.ModelAdmin):
    """The one row, which is shown at once instead of a list."""

    form = WallStateForm
    fieldsets = [
        (None, {"fields": ["mode"]}),
        (
            _("What is risky"),
            {"fields": ["most_links", "fast_seconds", "repeat_minutes"]},
        ),
        (
            _("When a flood comes"),
            {"fields": ["risky_per_minute", "all_per_minute", "calm_minutes"]},
        ),
        (_("E-mail"), {"fields": ["notice_minutes"]}),
    ]
    radio_fields = {"mode": admin.VERTICAL}
    change_form_template = "admin/messages_app/wallstate/change_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It would be made again."""
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.open_valve)
        name = "messages_app_wallstate_open_valve"
        return [path("open-valve/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        row = WallState.objects.current()
        return redirect("admin:messages_app_wallstate_change", row.pk)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Offer to undo the switch of the mode, if that is what was done last."""
        act = batches.latest_of(request.user)
        if act and act.act == Act.MODE:
            told = {"batch": act, "sentence": progress.sentence(act)}
            kwargs["extra_context"] = told | {"back": request.path}
        return super().change_view(request, *args, **kwargs)

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        # So that only what this moderator changes counts as changed: another one, and
        # the flood valve, may write beside them.
        return super().formfield_for_dbfield(
            db_field, request, show_hidden_initial=True, **kwargs
        )

    def save_model(
        self, request: HttpRequest, obj: WallState, form: Any, change: bool
    ) -> None:
        """Switch the mode by an act that is recorded, and store what else changed."""
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        if mode := changed.pop("mode", None):
            acts.set_mode(Mode(mode), actor=request.user.get_username())
        WallState.objects.filter(pk=obj.pk).update(**changed)

    def open_valve(self, request: HttpRequest) -> HttpResponse:
        """End what the flood valve asks for, before the flood does."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        if acts.open_valve(actor=request.user.get_username()):
            told = gettext("The valve is open; the wall's own mode counts again.")
            self.message_user(request, told, notices.SUCCESS)
        return redirect("admin:messages_app_wallstate_changelist")
