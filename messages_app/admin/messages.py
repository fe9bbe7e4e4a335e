"""The messages on the moderator's desk: the queue, all other lists, and one message."""

from itertools import chain
from typing import Any

from django.contrib import admin
from django.contrib import messages as notices
from django.contrib.admin import helpers
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from messages_app import languages, search
from messages_app.admin import batches, excerpts, filters, lists, progress
from messages_app.admin.decisions import ActionForm, StatusForm, sent_again
from messages_app.admin.lists import UncountedChangeList, WrittenByTheWall
from messages_app.forms import SearchForm
from messages_app.models import (
    BoundedCount,
    DatabaseNow,
    Message,
    MessageQuerySet,
    ModerationEvent,
    Report,
    in_words,
)
from messages_app.moderation import acts, authors, record
from messages_app.templatetags.wall import machine_time, moment

MOST_EVENTS = 500  # of one message, that its history shows
MOST_UNASKED = (
    1_000  # messages that match a list: for more it is asked whether all are meant
)
MOST_COUNTED = 10_000


class MessageChangeList(UncountedChangeList):
    """A page of messages, and the moment at which it was read."""

    def get_queryset(self, request: HttpRequest, *args: Any) -> QuerySet:
        if not hasattr(self, "found"):  # an action asks again
            self.found = super().get_queryset(request, *args)
        return self.found

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # In an index's order, so that it is walked and left: not all of it is gathered.
        same = Message.objects.filter(sender=OuterRef("sender"))
        same = same.order_by("-created_at", "-id")
        count = BoundedCount(same.values("pk")[: excerpts.MANY + 1])
        # Of this page alone: not of the rows that are walked through on the way to it.
        page = Message.objects.filter(pk__in=self.result_list.values("pk"))
        page = page.order_by(*self.get_ordering(request, page))
        page = page.annotate(of_sender=count, shown_at=DatabaseNow())
        self.result_list = list(page)
        # By the database's clock, as all times of messages are.
        self.shown_at = self.result_list[0].shown_at if self.result_list else None
        # Whether the list is the queue as the desk opens with it.
        self.is_plain_queue = not self.get_filters_params() and not self.query


class ReportInline(admin.TabularInline):
    model = Report
    fields = ["reason", "note", "created_at"]
    readonly_fields = ["reason", "note", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Reports are written by visitors."""
        return False


@admin.register(Message)
class MessageAdmin(WrittenByTheWall):
    list_display = ["excerpt", "author", "state", "age", "sent_by"]
    list_filter = [
        filters.StatusFilter,
        filters.PostedFilter,
        filters.ReasonFilter,
        filters.ReportedFilter,
        filters.SenderFilter,
    ]
    questions = filters.QUESTIONS
    search_fields = ["content"]  # so that there is a search; see get_search_results
    search_help_text = _("In messages and names, parts of words too.")
    actions = ["publish", "hide", "hide_senders", "ban"]
    action_form = ActionForm
    form = StatusForm
    fieldsets = [
        (
            None,
            {"fields": ["content", "author_name", "posted", "from_sender", "earlier"]},
        ),
        (_("Decision"), {"fields": ["status", "why", "told", "shown_at"]}),
        (_("On the wall around it"), {"fields": ["newer", "older"]}),
    ]
    readonly_fields = ["posted", "from_sender", "earlier", "why"]
    readonly_fields += ["newer", "older"]
    inlines = [ReportInline]

    # The list.

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[UncountedChangeList]:
        return MessageChangeList

    def get_ordering(self, request: HttpRequest) -> list[str]:
        is_queue = filters.status_asked(request) == filters.WAITING
        return ["waits_since", "id"] if is_queue else ["-created_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Narrow the list down to what holds the words; say it when not all was seen."""
        form = SearchForm(request.GET)
        if not form.is_valid():
            for error in chain(*form.errors.values()):
                notices.warning(request, str(error))
            return queryset.none(), False
        if not form.words:
            return queryset, False
        found, is_all = search.narrow(queryset, form.words.split())
        if not is_all and request.method == "GET":
            told = gettext(
                "Only the newest %(count)s messages were searched: the words are common "
                "or very short. Use longer ones to search all."
            )
            notices.warning(request, told % {"count": languages.number(search.WALK)})
        return found, False

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        if "index" in request.POST:
            # Django asks for a tick before it asks what is to be done.
            data = request.POST.copy()
            data.setdefault(helpers.ACTION_CHECKBOX_NAME, "all")
            request.POST = data  # type: ignore[assignment]
        is_queue = filters.status_asked(request) == filters.WAITING
        context: dict[str, Any] = {
            "title": gettext("Waiting for a decision")
            if is_queue
            else gettext("Messages"),
            "back": back_to_list(request),
        }
        if request.method == "GET" and (act := batches.latest_of(request.user)):
            context |= {"batch": act, "sentence": progress.sentence(act)}
        try:
            with search.telling_too_slow():
                return super().changelist_view(request, context)
        except search.TooSlow:
            context |= self.admin_site.each_context(request)
            context["title"] = gettext("That takes too long")
            template = "admin/messages_app/message/too_slow.html"
            return TemplateResponse(request, template, context, status=422)

    # What is done to the messages of a list.

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return all but deleting: that is for one message, on its page."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """Do to the ticked messages, or to all that match, what a button says."""
        # The buttons are named as Django's script expects of the one that it knows.
        data = request.POST.copy()
        data["action"] = data.get("index", "")
        form = self.action_form(data)
        form.fields["action"].choices = self.get_action_choices(request)  # type: ignore[attr-defined]
        if not form.is_valid():
            for error in chain(*form.errors.values()):
                notices.error(request, str(error))
            return None
        asked = form.cleaned_data
        chosen = record.as_seen(queryset, asked.pop("shown_at"))
        is_confirmed = asked.pop("is_confirmed")
        if not asked.pop("select_across"):
            if not (ticked := lists.ticked(request.POST)):
                told = gettext("Tick messages first, or all that match this list.")
                notices.error(request, told)
                return None
            chosen = chosen.filter(pk__in=ticked)
        elif not is_confirmed and (question := self.question(request, chosen)):
            return question
        act: Any = self.get_actions(request)[asked.pop("action")][0]
        asked["actor"] = request.user.get_username()
        done = act(self, request, chosen, **asked)
        return progress.run(request, done, back=back_to_list(request))

    def question(self, request: HttpRequest, chosen: Any) -> HttpResponse | None:
        """Return a page that asks whether all of these are meant, if they are many."""
        count = chosen.order_by()[: MOST_COUNTED + 1].count()
        is_narrow = {*request.GET} & {SEARCH_VAR, *filters.QUESTIONS} - {"status"}
        if not count or (is_narrow and count <= MOST_UNASKED):
            return None
        act = dict(self.get_action_choices(request))[request.POST["index"]]
        context = {
            **self.admin_site.each_context(request),
            "title": act,
            "count": languages.number(min(count, MOST_COUNTED)),
            "is_more": count > MOST_COUNTED,
            "is_narrow": is_narrow,
            "reason": request.POST.get("reason"),
            "sent": sent_again(request.POST, "is_confirmed"),
            "back": back_to_list(request),
            "opts": self.opts,
        }
        template = "admin/messages_app/message/question.html"
        return TemplateResponse(request, template, context)

    @admin.action(permissions=["change"], description=_("Publish, or keep"))
    def publish(
        self, request: HttpRequest, chosen: Any, actor: str, **asked: Any
    ) -> acts.Progress:
        return acts.publish(chosen, actor=actor)

    @admin.action(permissions=["change"], description=_("Hide"))
    def hide(
        self, request: HttpRequest, chosen: Any, actor: str, reason: str, **asked: Any
    ) -> acts.Progress:
        return acts.hide(chosen, actor=actor, reason=reason)

    @admin.action(permissions=["change"], description=_("Hide all by these senders"))
    def hide_senders(
        self, request: HttpRequest, chosen: Any, actor: str, reason: str, **asked: Any
    ) -> acts.Progress:
        return acts.hide_senders(chosen, actor=actor, reason=reason)

    @admin.action(
        permissions=["change"], description=_("Ban the senders and hide all by them")
    )
    def ban(
        self, request: HttpRequest, chosen: Any, actor: str, reason: str, days: Any
    ) -> acts.Progress:
        return acts.ban(chosen, actor=actor, reason=reason, lasts=days)

    # One message.

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = list(self.readonly_fields)
        if not request.user.has_perm("messages_app.edit_text"):
            fixed += ["content", "author_name"]
        if obj and obj.status == Message.Status.WITHDRAWN:
            fixed.append("status")  # its author took it back: that stands
        return fixed

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        context = {
            "show_save_and_continue": False,
            "sender_form": ActionForm({"days": "7"}, auto_id="sender_%s"),
            **(extra_context or {}),
        }
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except ChangedMeanwhile:
            told = gettext("The message was changed meanwhile. Look at it again.")
            notices.warning(request, told)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self, request: HttpRequest, obj: Message, form: Any, change: bool
    ) -> None:
        """Do what the form asks for, to the text that was looked at."""
        # Not obj.save(): it would undo what the author did since the row was read.
        rows = Message.objects.filter(pk=obj.pk)
        seen = record.as_seen(rows, form.cleaned_data["shown_at"])
        message = seen.first()
        actor = request.user.get_username()
        is_to_keep = obj.status == Message.Status.PUBLISHED and not obj.is_settled
        is_decided = "status" in form.changed_data or (
            is_to_keep and not form.is_edited
        )
        if is_decided:
            done = decide(seen, obj.status, actor, form.cleaned_data["told"])
            if not acts.finish(done).message_count:
                raise ChangedMeanwhile
        elif message is None or form.is_late:
            raise ChangedMeanwhile
        if form.is_edited:
            words = {"content": obj.content, "author_name": obj.author_name}
            if message is None or not acts.edit(message, actor=actor, **words):
                raise ChangedMeanwhile
        elif not is_decided:
            notices.warning(request, str(progress.NOTHING_CHANGED))

    def response_change(self, request: HttpRequest, obj: Message) -> HttpResponse:
        """Go back to the list, which tells at its top what was done."""
        return self.response_post_save_change(request, obj)

    def delete_model(self, request: HttpRequest, obj: Message) -> None:
        rows = Message.objects.filter(pk=obj.pk)
        authors.erase(rows, actor=request.user.get_username())

    def view_on_site(self, obj: Message) -> str | None:
        is_there = obj.status == Message.Status.PUBLISHED
        return obj.get_absolute_url() if is_there else None

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show all that was decided about a message, by whom, and its earlier words."""
        message = self.get_object(request, object_id)
        if message is None:
            told = gettext("Message %(number)s does not exist any more.")
            notices.warning(request, told % {"number": object_id})
            return HttpResponseRedirect(
                reverse("admin:messages_app_message_changelist")
            )
        if not self.has_view_or_change_permission(request, message):
            raise PermissionDenied
        events = ModerationEvent.objects.filter(message_number=message.pk)
        events = events.select_related("batch", "undone_by", "earliertext")
        newest = list(events.order_by("-id")[: MOST_EVENTS + 1])
        event_list = [
            (event, excerpts.reason(event.reason))
            for event in reversed(newest[:MOST_EVENTS])
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("History of message %(number)s") % {"number": message.pk},
            "event_list": event_list,
            "most_events": len(newest) > MOST_EVENTS and MOST_EVENTS,
            "module_name": capfirst(self.opts.verbose_name_plural),
            "object": message,
            "opts": self.opts,
        }
        template = "admin/messages_app/message/object_history.html"
        return TemplateResponse(request, template, context)

    # Django's own log would tell less than the events do.

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave it to the act, which is recorded."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Leave it to the act, which is recorded."""

    # What is shown of a message.

    @admin.display(description=_("message"))
    def excerpt(self, message: Message) -> str:
        return excerpts.short(message.content)

    @admin.display(description=_("author"))
    def author(self, message: Message) -> str:
        return message.author_name or gettext("Anonymous")

    @admin.display(description=_("status"))
    def state(self, message: Message) -> SafeString:
        told = [in_words(message.reason)] if message.reason else []
        if count := message.report_count:
            reports = ngettext(
                "%(count)s report by visitors.", "%(count)s reports by visitors.", count
            )
            told.append(reports % {"count": languages.number(count)})
        lines = format_html_join("", '<br><span class="quiet">{}</span>', zip(told))
        return format_html("{}{}", message.get_status_display(), lines)

    @admin.display(description=_("reason"))
    def why(self, message: Message) -> str:
        return excerpts.reason(message.reason)

    @admin.display(description=_("age"))
    def age(self, message: Message) -> SafeString:
        at = message.created_at
        told = timesince(at, depth=1)
        return format_html('<time datetime="{}">{}</time>', machine_time(at), told)

    @admin.display(description=_("posted"))
    def posted(self, message: Message) -> SafeString:
        if not message.edited_at:
            return moment(message.created_at)
        by_staff = (
            gettext("edited by a moderator") if message.is_edited_by_staff else ""
        )
        told = by_staff or gettext("edited")
        times = [moment(message.created_at), told, moment(message.edited_at)]
        return format_html("{} ({} {})", *times)

    @admin.display(description=_("sender"))
    def sent_by(self, message: Any) -> SafeString | str:
        return excerpts.sender(message.sender, message.of_sender)

    @admin.display(description=_("sender"))
    def from_sender(self, message: Message) -> SafeString | str:
        same = Message.objects.filter(sender=message.sender, sender__isnull=False)
        known = same.values_list("pk")[: excerpts.MANY + 1]
        return excerpts.sender(message.sender, len(known))

    @admin.display(description=_("after it"))
    def newer(self, message: Message) -> SafeString | str:
        nearest = list(Message.objects.after(message.cursor)[:3])
        return excerpts.links(reversed(nearest))

    @admin.display(description=_("before it"))
    def older(self, message: Message) -> SafeString | str:
        return excerpts.links(Message.objects.before(message.cursor)[:3])

    @admin.display(description=_("earlier words"))
    def earlier(self, message: Message) -> SafeString | str:
        texts = message.earlier_texts.select_related("event").order_by("pk")
        told = (
            (moment(text.event.created_at), text.author_name, text.content)
            for text in texts
        )
        return format_html_join("", EARLIER, told) or "–"


EARLIER = '<p>{}<br><bdi>{}</bdi></p><blockquote dir="auto">{}</blockquote>'


class ChangedMeanwhile(Exception):
    """The message is not any more what the moderator looked at."""


def decide(
    messages: MessageQuerySet, status: str, actor: str, reason: str
) -> acts.Progress:
    if status == Message.Status.PUBLISHED:
        return acts.publish(messages, actor=actor)
    return acts.hide(messages, actor=actor, reason=reason)


def back_to_list(request: HttpRequest) -> str:
    """Return the address of the list's first page: there may be no other any more."""
    query = request.GET.copy()
    query.pop(PAGE_VAR, None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
