"""The forms by which moderators decide: on a list of messages, and on one."""

from datetime import UTC, timedelta
from typing import Any

from django import forms
from django.contrib.admin import helpers
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from messages_app import text
from messages_app.forms import TextForm, VisitorTextField
from messages_app.models import Message, in_own_words
from messages_app.moderation import record


def sent_again(data: QueryDict, *without: str) -> list[tuple[str, str]]:
    """Return the fields of a form, for one that sends them again."""
    return [
        (name, str(value))
        for name, values in data.lists()
        for value in values
        if name not in ("csrfmiddlewaretoken", *without)
    ]


USUAL_REASONS = [
    _("Spam"),
    _("Insult or threat"),
    _("Private things about someone"),
    _("Against the law"),
]
BANS = [("1", _("1 day")), ("7", _("7 days")), ("28", _("28 days"))]


class ReasonInput(forms.TextInput):
    """A line for a moderator's own words, which offers the usual ones."""

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        attrs = {**(attrs or {}), "list": f"usual-for-{name}", "dir": "auto"}
        line = super().render(name, value, attrs, renderer)
        usual = ((reason,) for reason in USUAL_REASONS)
        options = format_html_join("", '<option value="{}">', usual)
        usual_list = '{}<datalist id="usual-for-{}">{}</datalist>'
        return format_html(usual_list, line, name, options)


class ReasonField(forms.CharField):
    """A moderator's own words, never taken for a rule's reason."""

    def clean(self, value: Any) -> str:
        return in_own_words(text.clean_line(super().clean(value)))


def reason_field() -> ReasonField:
    return ReasonField(
        label=_("Reason for hiding, told to the author"),
        max_length=200,
        required=False,
        widget=ReasonInput,
    )


class MomentField(forms.DateTimeField):
    """A time that the database can hold: of the first and last years some are not."""

    def clean(self, value: Any) -> Any:
        at = super().clean(value)
        try:
            return at and at.astimezone(UTC)
        except OverflowError as error:
            code = "required"  # it was not written by our page
            raise ValidationError(self.error_messages[code], code=code) from error


class ActionForm(helpers.ActionForm):
    """What is to be done to the messages of a list."""

    select_across = forms.BooleanField(
        label=_("All that match this list, not only the ticked ones"), required=False
    )
    reason = reason_field()
    days = forms.TypedChoiceField(
        label=_("Ban for"),
        choices=BANS,
        initial="7",
        coerce=lambda days: timedelta(days=int(days)),
    )
    is_confirmed = forms.BooleanField(required=False)
    # What came or changed later, nobody has seen.
    shown_at = MomentField(
        widget=forms.HiddenInput,
        error_messages={"required": _("Nothing was changed. Look at the list again.")},
    )


class StatusForm(TextForm):
    """A decision on a message, as its text was when it was shown.

    Its words can be changed by who may do that: for anyone else they are no fields.
    """

    content = VisitorTextField(
        label=_("Message"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 60, "dir": "auto"}),
    )
    author_name = VisitorTextField(
        label=_("Author"),
        required=False,
        clean_with=text.clean_line,
        widget=forms.TextInput(attrs={"size": 40, "dir": "auto"}),
    )
    told = reason_field()
    shown_at = MomentField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("The message was changed meanwhile. Look at it again.")
        },
    )

    class Meta:
        model = Message
        fields = ["status"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # With its microseconds, which a widget for people leaves out.
        self.initial["shown_at"] = record.last_change(self.instance).isoformat()
        if "status" in self.fields:  # not where its author took it back: that stands
            now = self.instance.status
            offered = {Message.Status.PUBLISHED, Message.Status.HIDDEN, now}
            choices = [pair for pair in Message.Status.choices if pair[0] in offered]
            self.fields["status"].choices = choices  # type: ignore[attr-defined]

    def clean_told(self) -> str:
        """Return the reason; it is an error beside another decision than to hide."""
        reason = self.cleaned_data["told"]
        status = self.cleaned_data.get("status", Message.Status.HIDDEN)
        if reason and status != Message.Status.HIDDEN:
            raise ValidationError(
                _("This is told when a message is hidden: choose “Hidden” above, too.")
            )
        return str(reason)

    @property
    def is_late(self) -> bool:
        """Whether a status was chosen for a message that its author took back meanwhile."""
        return "status" not in self.fields and "status" in self.data

    @property
    def is_edited(self) -> bool:
        """Whether the words are others than those that were shown."""
        # A browser sends \r\n, which is no change.
        return any(
            self.cleaned_data[name] != self.fields[name].clean(self.initial[name])
            for name in ("content", "author_name")
            if name in self.fields
        )
