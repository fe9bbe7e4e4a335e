"""What may be posted: every rule about a text, and what the visitor is told."""

import hashlib
import json
from contextlib import nullcontext
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from messages_app import form_key, languages, search, text, wall_cache
from messages_app.models import CONTENT_CEILING, Message, Report

# No text this long gets under the limit by cleaning; it is refused unread.
UNREAD_LENGTH = 10 * CONTENT_CEILING
# Of the field's text; by the blank placeholder, wall.css knows a field without one.
OWN_DIRECTION = {"dir": "auto", "placeholder": " "}

# The field that people do not see. Browsers and password managers fill in addresses,
# names and numbers of all kinds, but no topics.
HONEYPOT = "topic"


class VisitorTextField(forms.CharField):
    """A text cleaned for any script; what cannot be shown is refused, and made visible."""

    default_error_messages = {
        "control_character": _(
            "This holds characters that cannot be shown, marked %(shown)s here. "
            "Remove them and post again."
        )
    }

    def __init__(self, *, clean_with: Any = text.clean, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        self.clean_with = clean_with
        # Told by our own rule, which also names the character.
        self.validators = []

    def to_python(self, value: Any) -> str:
        raw = super().to_python(value) or ""
        if len(raw) > UNREAD_LENGTH:
            told = ngettext(
                "This has %(length)s character, far more than the wall takes. "
                "Shorten it and post again.",
                "This has %(length)s characters, far more than the wall takes. "
                "Shorten it and post again.",
                len(raw),
            )
            raise ValidationError(
                told,
                code="max_length",
                params={"length": languages.number(len(raw))},
            )
        if refused := text.find_refused(raw):
            shown = " ".join(text.show_refused(character) for character in refused)
            raise ValidationError(
                self.error_messages["control_character"],
                code="control_character",
                params={"shown": shown},
            )
        return self.clean_with(raw)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what a refused form shows: the visitor's text, nothing in it hidden."""
        return text.show_refused(super().bound_data(data, initial) or "")


class SearchForm(forms.Form):
    """The words that a visitor looks for; too many or strange ones are told of."""

    q = VisitorTextField(
        label=_("Search messages"),
        required=False,
        clean_with=text.clean_line,
        error_messages={
            "control_character": _(
                "This holds characters that no message has, marked %(shown)s here. "
                "Remove them and search again."
            )
        },
        widget=forms.TextInput(attrs={"type": "search", **OWN_DIRECTION}),
    )

    def clean_q(self) -> str:
        words = self.cleaned_data["q"]
        if len(words) > search.MOST_LETTERS:
            told = _("This is too long to search for. Shorten it and search again.")
            raise ValidationError(told, code="max_length")
        return "" if text.is_blank(words) else words

    @property
    def words(self) -> str:
        """What is looked for; empty for nothing."""
        return self.cleaned_data.get("q", "") if self.is_valid() else ""


class VisitorForm(forms.ModelForm):
    """What each form that a visitor sends has in common."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Django's default puts a colon after each label.
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def refuse(self, reason: str, *, code: str) -> None:
        """Add a reason, which no field can mend, why this is not done."""
        self.errors  # noqa: B018 - reading them cleans the form, which add_error needs
        self.add_error(None, ValidationError(reason, code=code))


class TextForm(VisitorForm):
    """The rules about a text, whether it is new or edited."""

    content = VisitorTextField(
        label=_("Your message"),
        required=False,  # clean_content says it better, and knows invisible texts
        widget=forms.Textarea(attrs={"rows": 4, "required": True, **OWN_DIRECTION}),
    )
    author_name = VisitorTextField(
        label=_("Your name, if you like"),
        required=False,
        clean_with=text.clean_line,
        widget=forms.TextInput(attrs={"autocomplete": "nickname", **OWN_DIRECTION}),
    )

    class Meta:
        model = Message
        fields = ["content", "author_name"]

    def clean_content(self) -> str:
        content = self.cleaned_data["content"]
        if text.is_blank(content):
            raise ValidationError(_("Write something first."), code="blank")
        return content

    def clean_author_name(self) -> str:
        name = self.cleaned_data["author_name"]
        return "" if text.is_blank(name) else name


class ReportForm(VisitorForm):
    """Why a message should not stand."""

    reason = forms.ChoiceField(
        label=_("What is wrong with it?"),
        choices=Report.Reason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is wrong.")},
    )
    note = VisitorTextField(
        label=_("A note for the moderators, if you like"),
        required=False,
        clean_with=text.clean_line,
        widget=forms.TextInput(attrs=OWN_DIRECTION),
    )

    class Meta:
        model = Report
        fields = ["reason", "note"]

    def validate_constraints(self) -> None:
        """Leave one report for each sender to reports.store()."""


class MessageForm(TextForm):
    """A new message."""

    form_key = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, request_id: str = "") -> None:
        self.request_id = request_id
        super().__init__(data)
        # What is no key is told by clean(), in words and with a new one.
        self.fields["form_key"].validators = []
        self.needs_new_key = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors or not cleaned["form_key"]:
            return cleaned
        try:
            form_key.check(cleaned["form_key"])
        except form_key.Expired:
            # Sent again after a day: what was stored then is answered like then.
            if not self.stored_before():
                self._ask_again(
                    gettext(
                        "This form lay open too long. "
                        "Your text is kept: press Post again."
                    ),
                    code="expired",
                )
        except form_key.Forged:
            self._ask_again(
                gettext(
                    "This form was damaged on its way. "
                    "Your text is kept: press Post again."
                ),
                code="forged",
            )
        return cleaned

    def _ask_again(self, reason: str, *, code: str) -> None:
        self.needs_new_key = True
        self.refuse(reason, code=code)

    @property
    def seconds(self) -> float | None:
        """How long the form was open, if its key tells."""
        return form_key.age(self.cleaned_data["form_key"])

    @property
    def is_trapped(self) -> bool:
        """Whether the field was filled in that no person sees."""
        return bool(self.data.get(HONEYPOT))

    @property
    def key_to_show(self) -> str:
        """The key of this form, unchanged by a refusal, unless it was the reason."""
        submitted = self.data.get("form_key", "")
        return form_key.new() if self.needs_new_key or not submitted else submitted

    def digest(self) -> bytes | None:
        """Return what makes two posts the same one: key, text and name.

        A post without a key has the number that a proxy gave the request, which may send
        it twice when a process dies; or nothing.
        """
        cleaned = self.cleaned_data
        key = cleaned["form_key"] or self.request_id
        if not key:
            return None
        # As JSON, so that no text can run over into the name.
        parts = [key, cleaned["content"], cleaned["author_name"]]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    def save(self, commit: bool = True) -> Message:
        """Store the message once: the same form sent twice gives the first one again."""
        self.instance.post_digest = self.digest()
        # Outside a transaction the INSERT is one, without two more round trips for it.
        in_transaction = connection.in_atomic_block
        try:
            with transaction.atomic() if in_transaction else nullcontext():
                return super().save(commit)
        except IntegrityError:
            if stored := self.answer_again():
                return stored
            raise

    def answer_again(self) -> Message | None:
        """Return what this form stored before, if it did, as when it was stored."""
        stored = self.stored_before()
        # Sent again perhaps because the process that stored it died before it told.
        if stored and stored.status == Message.Status.PUBLISHED:
            wall_cache.forget()
        return stored

    def stored_before(self) -> Message | None:
        """Return the message that an earlier post of this form stored, if one did."""
        if digest := self.digest():
            return Message.objects.filter(post_digest=digest).first()
        return None
