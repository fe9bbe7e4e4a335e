"""What is decided about messages: acts and their events, rules, earlier texts, notices."""

from datetime import datetime
from typing import Any

from django.core.validators import MaxLengthValidator, MinLengthValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messages_app.models.messages import NAME_CEILING, DatabaseNow, Message
from messages_app.models.wall import WallState

ACTOR_LENGTH = 150  # as of a user's name


class Act(models.TextChoices):
    """What can be done to a message, or to the wall."""

    PUBLISH = "publish", _("Published")
    HIDE = "hide", _("Hidden")
    BAN = "ban", _("Sender banned, messages hidden")
    HOLD = "hold", _("Held")
    EDIT = "edit", _("Edited")
    WITHDRAW = "withdraw", _("Withdrawn")
    ERASE = "erase", _("Erased")
    MODE = "mode", _("Mode of the wall changed")
    UNDO = "undo", _("Undone")


class ValveReason(models.TextChoices):
    """Why the flood valve changed the wall's mode."""

    FLOOD = "flood", _("Very many messages came within a minute.")
    CALM = "calm", _("The flood is over.")


def in_words(reason: str) -> str:
    """Return a reason in words: a rule's, the flood valve's, or as a person wrote it."""
    told = dict([*Message.Reason.choices, *ValveReason.choices])
    return str(told.get(reason, reason))


def in_own_words(reason: str) -> str:
    """Return a person's reason so that it is not taken for one of those: "Reports"."""
    return reason.capitalize() if in_words(reason) != reason else reason


class ModerationBatch(models.Model):
    """One act on one message or on thousands: who did it and why; it can be undone."""

    act = models.CharField(_("act"), max_length=8, choices=Act)
    # A moderator's user name; empty for the wall itself. No key: users come and go.
    actor = models.CharField(_("by"), max_length=ACTOR_LENGTH, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("when"), db_default=DatabaseNow())
    undoes = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="undoings"
    )
    message_count = models.PositiveIntegerField(_("messages"), default=0)
    # Of one that undoes: messages on which a later act stands.
    skipped_count = models.PositiveIntegerField(default=0)
    # It goes on, or was broken off: its last chunk has not been looked for.
    is_unfinished = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("act"), _("acts")
        ordering = ["-id"]
        indexes = [models.Index(fields=["actor", "-id"], name="batch_by_actor")]

    def __str__(self) -> str:
        return f"{self.get_act_display()} ({self.pk})"

    @property
    def can_be_undone(self) -> bool:
        """Whether there is something to give back: not by an undoing, nor an erasure."""
        return self.act not in (Act.UNDO, Act.ERASE)


class ModerationEvent(models.Model):
    """What happened to one message: written once, never changed (a trigger sees to it).

    It holds no word of a visitor, and the message's number instead of a key, so it
    outlives the message.
    """

    created_at = models.DateTimeField(_("when"), db_default=DatabaseNow())
    # None: a rule's decision, or the author's.
    batch = models.ForeignKey(
        ModerationBatch,
        models.PROTECT,
        null=True,
        related_name="events",
        db_index=False,  # the one below begins with it
    )
    act = models.CharField(_("act"), max_length=8, choices=Act)
    actor = models.CharField(_("by"), max_length=ACTOR_LENGTH, blank=True)
    message_number = models.BigIntegerField(null=True)  # None: it is about the wall
    from_status = models.CharField(max_length=9, blank=True)
    to_status = models.CharField(max_length=9, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # What an undo gives back beside the status.
    from_reason = models.CharField(max_length=200, blank=True)
    was_kept = models.BooleanField(default=False)
    waited_since = models.DateTimeField(null=True)
    undoes = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="undone_by"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        indexes = [
            models.Index(fields=["message_number", "id"], name="event_by_message"),
            models.Index(fields=["batch", "message_number"], name="event_by_batch"),
        ]

    def __str__(self) -> str:
        return f"Event {self.pk}"


class EarlierText(models.Model):
    """What an edited message said before. Erasing the message empties it too."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="earlier_texts"
    )
    event = models.OneToOneField(ModerationEvent, models.PROTECT)
    content = models.TextField(_("message"))
    author_name = models.CharField(_("name"), max_length=NAME_CEILING, blank=True)

    def __str__(self) -> str:
        return f"Earlier text {self.pk}"


class RuleQuerySet(models.QuerySet["Rule"]):
    def living(self, at: datetime | None = None) -> "RuleQuerySet":
        """Return the rules that have not expired."""
        now = at or timezone.now()
        return self.filter(
            models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now)
        )

    # Each change is told to all processes: they compare the token at each post.

    def update(self, **values: Any) -> int:
        count = super().update(**values)
        WallState.objects.renew_rules()
        return count

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        WallState.objects.renew_rules()
        return deleted

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list["Rule"]:
        created = super().bulk_create(objs, *args, **kwargs)
        WallState.objects.renew_rules()
        return created

    delete.queryset_only = delete.alters_data = update.alters_data = True  # type: ignore[attr-defined]


class Rule(models.Model):
    """A moderator's rule: which words, links or senders are held or refused."""

    class Kind(models.TextChoices):
        WORD = "word", _("Word or phrase")
        DOMAIN = "domain", _("Link to a domain")
        SENDER = "sender", _("Sender")

    class Verdict(models.TextChoices):
        HOLD = "hold", _("Hold for a moderator")
        REFUSE = "refuse", _("Refuse")

    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    # The word, the domain, or the sender as 32 hexadecimal digits.
    pattern = models.CharField(
        _("what"),
        max_length=200,
        validators=[MinLengthValidator(1), MaxLengthValidator(200)],
    )
    is_anywhere = models.BooleanField(
        _("also inside other words"),
        default=False,
        help_text=_("For scripts that write without spaces, always."),
    )
    verdict = models.CharField(
        _("what to do"), max_length=6, choices=Verdict, default=Verdict.HOLD
    )
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    created_by = models.CharField(
        _("by"), max_length=ACTOR_LENGTH, blank=True, editable=False
    )
    # The act that banned this sender; undoing it lifts the ban.
    batch = models.ForeignKey(
        ModerationBatch, models.PROTECT, null=True, editable=False, related_name="bans"
    )

    objects = RuleQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("rule"), _("rules")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.pattern}"

    def save(self, **kwargs: Any) -> None:
        super().save(**kwargs)
        WallState.objects.renew_rules()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        WallState.objects.renew_rules()
        return deleted


class Notice(models.Model):
    """What moderators are to be told, written with the event; deleted when it is sent."""

    class Kind(models.TextChoices):
        HELD = "held", _("A message waits")
        REPORTED = "reported", _("A message was reported")
        MODE = "mode", _("The flood valve changed the wall's mode")

    kind = models.CharField(max_length=8, choices=Kind)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    def __str__(self) -> str:
        return f"Notice {self.pk}"
