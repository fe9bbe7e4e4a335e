"""What the moderator's list of messages can be narrowed down to, each by an index."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messages_app.models import Message, MessageQuerySet

WAITING, ALL = "waiting", "all"
STATUSES = [(WAITING, _("Waiting for a decision")), (ALL, _("All"))]
STATUSES += Message.Status.choices
POSTED = {
    "hour": (_("in the last hour"), timedelta(hours=1)),
    "day": (_("in the last day"), timedelta(days=1)),
    "week": (_("in the last week"), timedelta(days=7)),
    "month": (_("in the last month"), timedelta(days=30)),
}
QUESTIONS: dict[str, Callable[[str], Any]] = {
    "status": dict(STATUSES).__contains__,
    "posted": POSTED.__contains__,
    "reason": re.compile(r"[^\0]{1,200}").fullmatch,
    "reported": {"yes"}.__contains__,
    "sender": re.compile(r"[0-9a-f]{32}").fullmatch,
}


def status_asked(request: HttpRequest) -> str:
    """Return the status that the list is about: without a question, what waits."""
    is_search = request.GET.get(SEARCH_VAR) or "sender" in request.GET
    return request.GET.get("status") or (ALL if is_search else WAITING)


class StatusFilter(admin.SimpleListFilter):
    title, parameter_name = _("status"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        self.asked = status_asked(request)
        return STATUSES

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, label in STATUSES:
            query = changelist.get_query_string({"status": value})
            is_asked = value == self.asked
            yield {"selected": is_asked, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: Any) -> MessageQuerySet | None:
        if self.asked == WAITING:
            return queryset.waiting()
        return None if self.asked == ALL else queryset.filter(status=self.asked)


class PostedFilter(admin.SimpleListFilter):
    title, parameter_name = _("posted"), "posted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _) in POSTED.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> MessageQuerySet | None:
        if not (value := self.value()):
            return None
        return queryset.filter(created_at__gte=timezone.now() - POSTED[value][1])


class ReasonFilter(admin.SimpleListFilter):
    title, parameter_name = _("reason"), "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        choices: dict[str, Any] = dict(Message.Reason.choices)
        if asked := self.value():
            choices.setdefault(asked, Truncator(asked).chars(50))  # a moderator's words
        return list(choices.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> MessageQuerySet | None:
        if not (value := self.value()):
            return None
        # Said twice: SQLite uses the index, which has no empty ones, only when it is told.
        return queryset.filter(reason=value).exclude(reason="")


class ReportedFilter(admin.SimpleListFilter):
    title, parameter_name = _("reports"), "reported"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Reported by visitors"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> MessageQuerySet | None:
        return queryset.filter(report_count__gt=0) if self.value() else None


class SenderFilter(admin.SimpleListFilter):
    """Shown only while one is asked for: there is no list of senders."""

    title, parameter_name = _("sender"), "sender"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        asked = self.value()
        return [(asked, asked[:8])] if asked else []

    def queryset(self, request: HttpRequest, queryset: Any) -> MessageQuerySet | None:
        if not (value := self.value()):
            return None
        return queryset.filter(sender=bytes.fromhex(value))
