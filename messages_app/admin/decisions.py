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
from messages_app.models import Message
from messages_app.pagination import LARGEST_ID


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


def reason_field() -> forms.CharField:
    return forms.CharField(
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

    def ticked(self) -> list[int]:
        """Return the numbers of the messages that are ticked."""
        data: Any = self.data
        given = data.getlist(helpers.ACTION_CHECKBOX_NAME)
        digits = len(str(LARGEST_ID))  # int() of thousands raises
        numbers = [int(n) for n in given if n.isdecimal() and len(n) <= digits]
        return [number for number in numbers if number <= LARGEST_ID]


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
    edited_at_seen = MomentField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Message
        fields = ["status"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at = self.instance.edited_at
        # With its microseconds, which a widget for people leaves out.
        self.initial["edited_at_seen"] = at and at.isoformat()
        if "status" in self.fields:  # not where its author took it back: that stands
            now = self.instance.status
            offered = {Message.Status.PUBLISHED, Message.Status.HIDDEN, now}
            choices = [pair for pair in Message.Status.choices if pair[0] in offered]
            self.fields["status"].choices = choices  # type: ignore[attr-defined]

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
