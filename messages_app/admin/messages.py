"""The messages on the moderator's desk."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib import messages as notices
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from messages_app import languages
from messages_app.admin.lists import UncountedAdmin
from messages_app.models import Message, MessageQuerySet, Report


class ReportInline(admin.TabularInline):
    model = Report
    fields = ["reason", "note", "created_at"]
    readonly_fields = ["reason", "note", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Reports are written by visitors."""
        return False


class StatusForm(forms.ModelForm):
    """A decision on a message, as its text was when it was shown."""

    edited_at_seen = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at = self.instance.edited_at
        # With its microseconds, which a widget for people leaves out.
        self.initial["edited_at_seen"] = at and at.isoformat()


@admin.register(Message)
class MessageAdmin(UncountedAdmin):
    list_display = ["excerpt", "author", "created_at", "status"]
    list_filter = ["status"]
    search_fields = ["content", "author_name"]
    form = StatusForm
    fields = ["content", "author_name", "created_at", "edited_at", "status"]
    fields += ["edited_at_seen"]
    # Nobody rewrites a visitor's words.
    readonly_fields = ["content", "author_name", "created_at", "edited_at"]
    inlines = [ReportInline]
    actions = ["publish", "hide"]
    ordering = ["-id"]  # by the primary key, whatever the status

    class Media:
        css = {"all": ["messages_app/admin.css"]}

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        """Allow the list's own filter, and no other question in the address."""
        return lookup == "status__exact" and value in Message.Status.values

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Messages are written on the wall."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj and obj.status == Message.Status.WITHDRAWN:
            # Its author took it back: that stands.
            return [*self.readonly_fields, "status"]
        return list(self.readonly_fields)

    def save_model(
        self, request: HttpRequest, obj: Message, form: Any, change: bool
    ) -> None:
        """Do what the status asks for, to the text that was looked at."""
        # Not obj.save(): it would undo what the author did since the row was read.
        seen = Message.objects.filter(
            pk=obj.pk, edited_at=form.cleaned_data["edited_at_seen"]
        )
        verb = {"published": seen.publish, "hidden": seen.hide}.get(obj.status)
        is_done = verb() if verb else seen.filter(status=obj.status).exists()
        if not is_done and "status" in form.changed_data:
            self.message_user(
                request,
                gettext("Its author changed the message meanwhile. Look at it again."),
                notices.WARNING,
            )

    def formfield_for_choice_field(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "status":
            kwargs["choices"] = [
                choice
                for choice in Message.Status.choices
                if choice[0] != Message.Status.WITHDRAWN
            ]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    @admin.display(description=_("message"))
    def excerpt(self, message: Message) -> str:
        return Truncator(message.content).chars(100)

    @admin.display(description=_("author"), ordering="author_name")
    def author(self, message: Message) -> str:
        return message.author_name or gettext("Anonymous")

    @admin.action(
        permissions=["change"],
        description=_("Publish the selected messages, or keep them"),
    )
    def publish(self, request: HttpRequest, queryset: MessageQuerySet) -> None:
        count = queryset.publish()
        told = ngettext(
            "%(count)s message published.", "%(count)s messages published.", count
        )
        self._tell(request, told, count)

    @admin.action(permissions=["change"], description=_("Hide the selected messages"))
    def hide(self, request: HttpRequest, queryset: MessageQuerySet) -> None:
        count = queryset.hide()
        told = ngettext(
            "%(count)s message hidden.", "%(count)s messages hidden.", count
        )
        self._tell(request, told, count)

    def _tell(self, request: HttpRequest, told: str, count: int) -> None:
        notice = told % {"count": languages.number(count)}
        self.message_user(request, notice, notices.SUCCESS)
