"""The moderators' rules on the desk: written, rehearsed, and only then saved."""

import re
from datetime import timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db.models import Field
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messages_app.admin.decisions import sent_again
from messages_app.admin.lists import UncountedAdmin
from messages_app.models import Rule
from messages_app.moderation.acts import LONGEST_BAN
from messages_app.moderation.folding import Needle, fold
from messages_app.moderation.rehearsal import rehearse

SALT = "messages_app.admin.rules"
REHEARSED = ["kind", "pattern", "is_anywhere", "verdict"]  # what decides what is caught


def domain_in(text: str) -> str:
    """Return the domain in what a moderator wrote or copied, an address or a name."""
    _scheme, _colon, rest = text.casefold().rpartition("://")
    host = re.split(r"[/?#\\]", rest)[0].rpartition("@")[2].partition(":")[0]
    return host.strip(".").removeprefix("*.").removeprefix("www.")


class RuleForm(forms.ModelForm):
    class Meta:
        model = Rule
        fields = [*REHEARSED, "expires_at", "note"]
        help_texts: ClassVar = {
            "pattern": gettext_lazy(
                "A word or phrase: cheap watches. A domain, with all below it: "
                "spam.example. A sender: the 32 digits at the end of the address of "
                "their list."
            ),
            "expires_at": gettext_lazy("Empty: for good. A sender: 28 days at most."),
            "note": gettext_lazy("For other moderators: why there is this rule."),
        }

    def is_valid(self) -> bool:
        """Return whether it may go on; who asks to change it gets it back as it is."""
        return "_change" not in self.data and super().is_valid()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if {"kind", "pattern"} <= cleaned.keys():
            clean = getattr(self, f"clean_{cleaned['kind']}")
            try:
                cleaned["pattern"] = clean(cleaned["pattern"])
            except ValidationError as error:
                self.add_error("pattern", error)
        at = cleaned.get("expires_at")
        if at and at <= timezone.now() and "expires_at" in self.changed_data:
            self.add_error("expires_at", _("This time is over: name a later one."))
        if cleaned.get("kind") == Rule.Kind.SENDER and "expires_at" in cleaned:
            latest = timezone.now() + LONGEST_BAN + timedelta(minutes=5)
            if at is None or at > latest:
                told = _("A sender is listed for 28 days at most: say until when.")
                self.add_error("expires_at", told)
        return cleaned

    def clean_word(self, pattern: str) -> str:
        if not Needle(pattern).folded:
            raise ValidationError(_("Nothing of this can be seen. Write a word."))
        return " ".join(pattern.split())

    def clean_domain(self, pattern: str) -> str:
        domain = domain_in(pattern)
        told = _("This is no domain. Write it like this: spam.example")
        is_domain = DomainNameValidator(message=told)
        is_domain(domain)
        is_domain(fold(domain))  # there may be nothing to see before its full stop
        return domain

    def clean_sender(self, pattern: str) -> str:
        if not re.fullmatch("[0-9a-f]{32}", pattern.casefold()):
            told = _("A sender has 32 digits from 0 to 9 and a to f.")
            raise ValidationError(told)
        return pattern.casefold()

    @property
    def signature(self) -> str:
        """What tells that this very rule was rehearsed."""
        told = [self.cleaned_data[name] for name in REHEARSED]
        return signing.dumps(told, salt=SALT)

    @property
    def is_rehearsed(self) -> bool:
        if self.instance.pk and not {*REHEARSED} & {*self.changed_data}:
            return True
        try:
            told = signing.loads(self.data.get("rehearsed", ""), salt=SALT)
        except signing.BadSignature:
            return False
        return told == [self.cleaned_data[name] for name in REHEARSED]


@admin.register(Rule)
class RuleAdmin(UncountedAdmin):
    form = RuleForm
    list_display = ["pattern", "kind", "verdict", "expires_at", "note", "created_by"]
    list_filter = ["kind", "verdict"]
    questions = {
        "kind__exact": dict(Rule.Kind.choices).__contains__,
        "verdict__exact": dict(Rule.Verdict.choices).__contains__,
    }
    search_fields = ["pattern", "note"]
    fields = [*REHEARSED, "expires_at", "note"]
    ordering = ["-id"]
    list_per_page = 100

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "expires_at":
            day, time = field.widget.widgets
            day.attrs["aria-label"] = gettext_lazy("Date")
            time.attrs["aria-label"] = gettext_lazy("Time")
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Let no address fill the form in: it may hold what is no time."""
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what a new or changed rule would have caught, before it is saved."""
        if request.method == "POST" and (form := self.unrehearsed(request, object_id)):
            return self.show_rehearsal(request, form)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def unrehearsed(
        self, request: HttpRequest, object_id: str | None
    ) -> RuleForm | None:
        """Return the form of a rule that may be saved and was not rehearsed yet."""
        rule = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id and not (rule and self.has_change_permission(request, rule)):
            return None  # which Django's own view tells
        if not object_id and not self.has_add_permission(request):
            return None
        form_class = self.get_form(request, rule, change=bool(rule), fields=self.fields)
        form = cast("RuleForm", form_class(request.POST, instance=rule))
        return form if form.is_valid() and not form.is_rehearsed else None

    def show_rehearsal(self, request: HttpRequest, form: RuleForm) -> HttpResponse:
        sent = sent_again(request.POST, "rehearsed", "_change")
        found = rehearse(form.instance)
        if not request.user.has_perm("messages_app.view_message"):
            found.newest = []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("What this rule would have caught"),
            "rule": form.instance,
            "rehearsal": found,
            "sent": [*sent, ("rehearsed", form.signature)],
        }
        template = "admin/messages_app/rule/rehearsal.html"
        return TemplateResponse(request, template, context)

    def save_model(
        self, request: HttpRequest, obj: Rule, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
