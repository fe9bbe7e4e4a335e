"""The acts of moderators and of the wall itself: read, and undone, never changed."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from messages_app import languages
from messages_app.admin import excerpts, progress
from messages_app.admin.lists import WrittenByTheWall
from messages_app.models import Act, Message, ModerationBatch
from messages_app.moderation.undo import is_done, undo
from messages_app.templatetags.wall import moment

LATEST = timedelta(minutes=15)  # so long the list offers to undo what was done last
SHOWN = 100  # messages of an act
# Beside changing messages: who may not do an act may not undo it either.
NEEDED = {Act.EDIT: "edit_text", Act.MODE: "change_wallstate"}


def latest_of(user: Any) -> ModerationBatch | None:
    """Return what this moderator did last, if it was just now and is not undone."""
    own = with_undoings(ModerationBatch.objects.filter(actor=user.get_username()))
    batch = own.order_by("-id").first()
    if not batch or not progress.is_worth_undoing(batch) or batch.is_undone:
        return None
    is_recent = timezone.now() - batch.created_at < LATEST or batch.is_unfinished
    return batch if is_recent and may_undo(user, batch) else None


def with_undoings(batches: QuerySet[ModerationBatch]) -> QuerySet[Any]:
    """Return the acts, each with whether it has been undone, and whether wholly."""
    undoings = ModerationBatch.objects.filter(undoes=OuterRef("pk"))
    whole = undoings.filter(skipped_count=0, is_unfinished=False)
    return batches.annotate(is_undone=Exists(undoings), is_all_undone=Exists(whole))


def may_undo(user: Any, batch: ModerationBatch) -> bool:
    needed = NEEDED.get(Act(batch.act), "change_message")
    return batch.can_be_undone and user.has_perms(
        [f"messages_app.{right}" for right in ("change_message", needed)]
    )


@admin.register(ModerationBatch)
class ModerationBatchAdmin(WrittenByTheWall):
    list_display = ["what", "who", "why", "created_at", "message_count", "undone"]
    fields = ["what", "who", "why", "when", "message_count", "banned", "undone"]
    fields += ["first_messages"]
    change_form_template = "admin/messages_app/moderationbatch/change_form.html"
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_undoings(super().get_queryset(request)).select_related("undoes")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was done was done."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo_view)
        name = "messages_app_moderationbatch_undo"
        return [path("<int:number>/undo/", view, name=name), *super().get_urls()]

    @method_decorator(require_POST)
    def undo_view(self, request: HttpRequest, number: int) -> HttpResponseBase:
        """Undo an act, and go back to where its button stood."""
        batch = get_object_or_404(ModerationBatch, pk=number)
        if batch.can_be_undone and not may_undo(request.user, batch):
            raise PermissionDenied
        back = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
            back = reverse("admin:messages_app_message_changelist")
        if is_done(batch):
            notices.warning(request, gettext("This act is undone already."))
            return HttpResponseRedirect(back)
        done = undo(batch, actor=request.user.get_username())
        return progress.run(request, done, back=back)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show words of messages to nobody who may not see messages."""
        hidden = {"banned"} if obj and obj.act != Act.BAN else set()
        if not request.user.has_perm("messages_app.view_message"):
            hidden.add("first_messages")
        return [name for name in self.fields if name not in hidden]

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        batch = self.get_object(request, object_id)
        context = {
            "batch": batch,
            "back": request.get_full_path(),
            "may_undo": batch
            and not batch.is_all_undone
            and may_undo(request.user, batch),
            "unfinished": batch and progress.unfinished(batch),
        }
        kwargs["extra_context"] = context
        return super().change_view(request, object_id, *args, **kwargs)

    @admin.display(description=_("what"))
    def what(self, batch: ModerationBatch) -> str:
        told = str(batch)
        if batch.undoes:
            told = gettext("Undone: %(act)s") % {"act": batch.undoes}
        return f"{told} {progress.unfinished(batch)}".rstrip()

    @admin.display(description=_("who"))
    def who(self, batch: ModerationBatch) -> str:
        return batch.actor or gettext("the wall itself")

    @admin.display(description=_("why"))
    def why(self, batch: ModerationBatch) -> str:
        return excerpts.reason(batch.reason)

    @admin.display(description=_("when"))
    def when(self, batch: ModerationBatch) -> SafeString:
        return moment(batch.created_at)

    @admin.display(description=_("undone"))
    def undone(self, batch: Any) -> str:
        return gettext("yes") if batch.is_undone else gettext("no")

    @admin.display(description=_("banned"))
    def banned(self, batch: ModerationBatch) -> str:
        return progress.banned(batch)

    @admin.display(description=_("its messages"))
    def first_messages(self, batch: ModerationBatch) -> SafeString | str:
        """Return the first of them that are still there, each with a link to it."""
        events = batch.events.filter(message_number__isnull=False)
        numbers = events.order_by("message_number").values_list("message_number")
        messages = Message.objects.in_bulk([number for (number,) in numbers[:SHOWN]])
        links = excerpts.links(messages.values())
        if batch.message_count <= SHOWN:
            return links
        told = gettext("The first %(shown)s of %(count)s:")
        numbers_told = {
            "shown": languages.number(SHOWN),
            "count": languages.number(batch.message_count),
        }
        return format_html("<p>{}</p>{}", told % numbers_told, links)
