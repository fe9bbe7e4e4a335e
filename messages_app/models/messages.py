"""Messages and the questions asked of them, and what visitors report."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import connections, models, transaction
from django.db.models.functions import Coalesce, Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from messages_app import wall_cache
from messages_app.moderation import folding
from messages_app.pagination import Cursor

# What the table takes at most, in code points; the settings may ask for less.
CONTENT_CEILING = 10_000
NAME_CEILING = 200
NOTE_CEILING = 500

TOO_LONG = ngettext_lazy(
    "This has %(show_value)d character, and the wall takes %(limit_value)d. "
    "Shorten it and post again.",
    "This has %(show_value)d characters, and the wall takes %(limit_value)d. "
    "Shorten it and post again.",
    "show_value",
)


def check_content_length(content: str) -> None:
    """Raise ValidationError for more than WALL_MESSAGE_MAX_LENGTH code points."""
    MaxLengthValidator(settings.WALL_MESSAGE_MAX_LENGTH, TOO_LONG)(content)


def check_name_length(name: str) -> None:
    """Raise ValidationError for more than WALL_NAME_MAX_LENGTH code points."""
    MaxLengthValidator(settings.WALL_NAME_MAX_LENGTH, TOO_LONG)(name)


class DatabaseNow(Now):
    """The time of the database's clock, so written that it compares with what we send.

    SQLite keeps times as text and Django sends six digits of a second, or none when
    they are all zero. Its own Now() writes three there, which equal nothing we send.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f001', 'NOW')"
        return self.as_sql(compiler, connection, template=template, **context)


class Said(models.Func):
    """The text and the name in one, as the index over both has them."""

    template = "(%(expressions)s)"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()


class BoundedCount(models.Subquery):
    """The number of rows of a query that has a LIMIT."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS found)"
    output_field = models.IntegerField()


class MessageQuerySet(models.QuerySet["Message"]):
    def visible(self) -> "MessageQuerySet":
        """Return what may be read on the wall, in the feed and by link."""
        return self.filter(status=Message.Status.PUBLISHED)

    def before(self, cursor: Cursor) -> "MessageQuerySet":
        """Return what stands below the cursor's message on the wall."""
        # Not "earlier, or as early with a lower id": an OR would not start in the index.
        return self.filter(created_at__lte=cursor.created_at).exclude(
            created_at=cursor.created_at, id__gte=cursor.id
        )

    def at(self, cursor: Cursor) -> "MessageQuerySet":
        """Return the message at this place, if it is still there."""
        return self.filter(pk=cursor.id, created_at=cursor.created_at)

    def after(self, cursor: Cursor) -> "MessageQuerySet":
        """Return what stands above the cursor's message on the wall, nearest first."""
        return (
            self.filter(created_at__gte=cursor.created_at)
            .exclude(created_at=cursor.created_at, id__lte=cursor.id)
            .order_by("created_at", "id")
        )

    def down_to(self, cursor: Cursor) -> "MessageQuerySet":
        """Return what stands above the cursor's message on the wall, and that one."""
        return self.filter(created_at__gte=cursor.created_at).exclude(
            created_at=cursor.created_at, id__lt=cursor.id
        )

    def with_words(self, words: Sequence[str]) -> "MessageQuerySet":
        """Return what holds each of them, in any case, in its text or its name."""
        found = self.alias(said=Said("content", "author_name"))
        for word in words:
            # SQLite's own LIKE knows the two cases of A to Z only.
            is_sqlite = connections[self.db].vendor == "sqlite"
            found = (
                found.filter(said__iregex=re.escape(word))
                if is_sqlite
                else found.filter(said__icontains=word)
            )
        return found

    # What moderators do.

    def waiting(self) -> "MessageQuerySet":
        """Return what a moderator is to decide on, longest waiting first."""
        return self.filter(waits_since__isnull=False, status__in=Message.OPEN).order_by(
            "waits_since", "id"
        )

    def as_seen(self, at: datetime) -> "MessageQuerySet":
        """Return what was there at that time, and was not edited nor reported since."""
        there = self.filter(created_at__lte=at)
        return there.exclude(edited_at__gt=at).exclude(waits_since__gt=at)

    def hide(self, reason: str = "") -> int:
        """Take the messages off the wall; return how many were on it, or could be again."""
        told = {"reason": reason, "waits_since": None}
        withdrawn = self.filter(Message.BACK_BY_UNDO)
        return self.filter(status__in=Message.OPEN).update(
            status=Message.Status.HIDDEN, **told
        ) + withdrawn.update(status_before=Message.Status.HIDDEN, **told)

    def publish(self) -> int:
        """Put the messages on the wall, and keep them there against reports.

        Returns how many were not there, or not kept. A message that its author withdrew
        stays withdrawn.
        """
        there = models.Q(status=Message.Status.PUBLISHED) & (
            models.Q(is_kept=False) | models.Q(waits_since__isnull=False)
        )
        taken_off = models.Q(status__in=[Message.Status.HELD, Message.Status.HIDDEN])
        return self.filter(there | taken_off).update(
            status=Message.Status.PUBLISHED,
            reason="",
            is_kept=True,
            waits_since=None,
        )

    # What authors do, with their receipt; and what many reports do. Each is one UPDATE
    # that asks the row as it is: what a moderator did meanwhile stands.

    def edit(self, *, content: str, author_name: str) -> int:
        """Replace the text, in whatever state it is; return whether it could be done."""
        return self.filter(Message.is_in_time(), status__in=Message.OPEN).update(
            content=content,
            author_name=author_name,
            edited_at=DatabaseNow(),
            is_kept=False,  # it was another text that a moderator kept
        )

    def withdraw(self) -> int:
        """Take the author's message off the wall; return whether it could be done."""
        return self.filter(Message.is_in_time(), status__in=Message.OPEN).update(
            status_before=models.F("status"), status=Message.Status.WITHDRAWN
        )

    def undo_withdrawal(self) -> int:
        """Give back the state from before; return whether it could be done."""
        return self.filter(Message.is_in_time(), Message.BACK_BY_UNDO).update(
            status=models.F("status_before"), status_before=""
        )

    def hold(self, reason: str) -> int:
        """Take what no moderator kept off the wall until one looks; return how many."""
        published, held = Message.Status.PUBLISHED, Message.Status.HELD
        withdrawn = self.filter(Message.BACK_BY_UNDO, is_kept=False)
        return self.filter(status=published, is_kept=False).update(
            status=held, reason=reason
        ) + withdrawn.update(status_before=held, reason=reason)

    def count_report(self) -> int:
        """Count one more report; unless a moderator kept it, one is to look at it."""
        # Nothing that the wall shows: its pages stand.
        counted = super().update(report_count=models.F("report_count") + 1)
        waits = self.filter(waits_since__isnull=True, is_kept=False)
        super(MessageQuerySet, waits).update(waits_since=DatabaseNow())
        return counted

    hide.alters_data = publish.alters_data = hold.alters_data = True  # type: ignore[attr-defined]
    edit.alters_data = withdraw.alters_data = undo_withdrawal.alters_data = True  # type: ignore[attr-defined]

    # What is written in bulk skips Message.save(), so it tells the cache itself. It does
    # so after the write: outside a transaction, on_commit() runs at once.

    def update(self, **values: Any) -> int:
        if Message.Status.HELD in (values.get("status"), values.get("status_before")):
            waits_since = Coalesce("waits_since", DatabaseNow())
            values = {"waits_since": waits_since, **values}
        if "content" in values:
            text = values["content"]
            # Of what only the database knows (bulk_update) there is none.
            values["gist"] = folding.gist(text) if isinstance(text, str) else None
        count = super().update(**values)
        if count:
            transaction.on_commit(wall_cache.forget_for_good, using=self.db)
        return count

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=self.db):
            # Before its reports are looked for: one that comes meanwhile waits, and then
            # finds no message.
            list(self.order_by("pk").select_for_update().values_list("pk"))
            deleted = super().delete()
        if deleted[0]:
            transaction.on_commit(wall_cache.forget_for_good, using=self.db)
        return deleted

    # As in Django: Message.objects.delete() would be the whole table by a slip.
    delete.queryset_only = delete.alters_data = True  # type: ignore[attr-defined]
    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list["Message"]:
        objs = list(objs)
        for message in objs:
            message.make_ready()
        created = super().bulk_create(objs, *args, **kwargs)
        if created:  # or written over, with update_conflicts
            transaction.on_commit(wall_cache.forget_for_good, using=self.db)
        return created


class Message(models.Model):
    class Status(models.TextChoices):
        PUBLISHED = "published", _("Published")
        HELD = "held", _("Held for a moderator")
        HIDDEN = "hidden", _("Hidden")
        WITHDRAWN = "withdrawn", _("Withdrawn by its author")

    OPEN = (Status.PUBLISHED, Status.HELD)  # no one has taken it down
    BACK_BY_UNDO = models.Q(status=Status.WITHDRAWN, status_before__in=OPEN)

    class Reason(models.TextChoices):
        """Why a message is not on the wall, where it was no person's decision."""

        REPORTS = "reports", _("Several visitors reported it.")
        WORD = "word", _("It holds words that this wall's moderators look at first.")
        DOMAIN = "domain", _("It links to a site that moderators look at first.")
        BANNED = "banned", _("Nothing can be posted from your network for a while.")
        SENDER = "sender", _("Moderators look first at what comes from your network.")
        LINKS = "links", _("It holds many links.")
        REPEATED = "repeated", _("The same text was posted a short time ago.")
        HIDDEN_BEFORE = (
            "hidden-before",
            _("A moderator has hidden a message from your network before."),
        )
        FAST = "fast", _("It was written faster than people write.")
        HONEYPOT = "honeypot", _("A field that people cannot see was filled in.")
        MODE = "mode", _("At the moment a moderator looks at each message first.")

    content = models.TextField(_("message"), validators=[check_content_length])
    author_name = models.CharField(
        _("name"), max_length=NAME_CEILING, blank=True, validators=[check_name_length]
    )
    # The database's clock, so that web servers with different clocks agree on the order.
    created_at = models.DateTimeField(
        _("posted"), db_default=DatabaseNow(), editable=False
    )
    status = models.CharField(
        _("status"), max_length=9, choices=Status, default=Status.PUBLISHED
    )
    # SHA-256 of the form's key, the text and the name: the same form sent twice is one
    # message. None for a message that came without a key.
    post_digest = models.BinaryField(max_length=32, unique=True, null=True)
    # What its text has in common with those that a reader takes for the same.
    gist = models.BinaryField(max_length=16, null=True)
    # Who sent it, as senders.py tells; None for what no visitor sent.
    sender = models.BinaryField(max_length=16, null=True)
    edited_at = models.DateTimeField(_("edited"), null=True, editable=False)
    # Of a withdrawn message: what an undo gives back.
    status_before = models.CharField(
        max_length=9, blank=True, db_default="", default="", editable=False
    )
    # Why it is not on the wall: one of Reason, or a moderator's words to the author.
    reason = models.CharField(max_length=200, blank=True, db_default="", default="")
    # A moderator has looked at this text and let it stand: reports take it down no more.
    is_kept = models.BooleanField(db_default=False, default=False, editable=False)
    # Since when a moderator is to look at it; None: there is nothing to decide.
    waits_since = models.DateTimeField(null=True, editable=False)
    report_count = models.PositiveIntegerField(
        _("reports"), db_default=0, default=0, editable=False
    )
    # Its words are no longer its author's alone: told on the wall.
    is_edited_by_staff = models.BooleanField(
        db_default=False, default=False, editable=False
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-created_at", "-id"]
        # Not of moderators: nobody rewrites a visitor's words lightly, nor in silence.
        permissions = [("edit_text", "Can edit a visitor's words")]
        indexes = [
            # The wall, newest first: what is not published costs it nothing. And the
            # moderators' lists: of another status, of all, of one sender, ...
            # An index of each status, not one of all: that one PostgreSQL passes over for
            # the index of all messages, and walks through what was hidden.
            *(
                models.Index(
                    fields=["-created_at", "-id"],
                    condition=models.Q(status=status),
                    name=f"message_newest_{status}",
                )
                for status in ("published", "held", "hidden", "withdrawn")
            ),
            models.Index(fields=["-created_at", "-id"], name="message_newest"),
            models.Index(
                fields=["sender", "-created_at", "-id"],
                condition=models.Q(sender__isnull=False),
                name="message_newest_of_sender",
            ),
            models.Index(
                fields=["reason", "-created_at", "-id"],
                condition=~models.Q(reason=""),
                name="message_newest_of_reason",
            ),
            models.Index(
                fields=["-created_at", "-id"],
                condition=models.Q(report_count__gt=0),
                name="message_newest_reported",
            ),
            # ... and what waits for them, longest first.
            models.Index(
                fields=["waits_since", "id"],
                condition=models.Q(
                    waits_since__isnull=False, status__in=["published", "held"]
                ),
                name="message_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["published", "held", "hidden", "withdrawn"]
                ),
                name="message_status_is_known",
            ),
            # Whatever is held stands in the moderators' queue.
            models.CheckConstraint(
                condition=~models.Q(status="held")
                | models.Q(waits_since__isnull=False),
                name="message_held_waits",
            ),
            models.CheckConstraint(
                condition=~models.Q(content=""), name="message_has_content"
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("content"), CONTENT_CEILING),
                name="message_content_under_ceiling",
            ),
            # SQLite does not hold a column to its length.
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("author_name"), NAME_CEILING),
                name="message_name_under_ceiling",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Message %(number)s") % {"number": self.pk}

    def save(self, **kwargs: Any) -> None:
        """Store the message; the wall forgets its page if what it shows has changed."""
        is_new = self.pk is None
        self.make_ready()
        super().save(**kwargs)
        if not is_new:
            # Even if it is hidden: what a message is in the table may have changed since
            # it was loaded.
            transaction.on_commit(wall_cache.forget_for_good, using=self._state.db)
        elif self.status == Message.Status.PUBLISHED:
            transaction.on_commit(wall_cache.forget, using=self._state.db)

    def get_absolute_url(self) -> str:
        return reverse("messages_app:message", args=[self.pk])

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Remove the row and its reports; the wall forgets its page."""
        return (
            type(self)
            .objects.using(using or self._state.db)
            .filter(pk=self.pk)
            .delete()
        )

    def make_ready(self) -> None:
        """Fill in what follows from its text, and stand in the queue if it is held."""
        self.gist = folding.gist(self.content)
        if self.status == self.Status.HELD and self.waits_since is None:
            self.waits_since = timezone.now()

    def validate_constraints(self, exclude: Any = None) -> None:
        """Leave the table's constraints to the table; each would be a query here."""

    @staticmethod
    def is_in_time() -> models.Q:
        """Return the condition that its author may still change a message."""
        seconds = timedelta(seconds=settings.WALL_EDIT_SECONDS)
        return models.Q(created_at__gt=timezone.now() - seconds)

    @property
    def decided_status(self) -> str:
        """What was decided about it, whether its author has withdrawn it or not."""
        return self.status_before or self.status

    @property
    def is_settled(self) -> bool:
        """Whether a moderator has looked at it, and nobody asks to look again."""
        return self.is_kept and self.waits_since is None

    @property
    def updated_at(self) -> datetime:
        """When the message became what it is."""
        return self.edited_at or self.created_at

    @property
    def changed_at(self) -> datetime:
        """When its words, or what visitors say of it, came to be what they are."""
        times = [self.created_at, self.edited_at, self.waits_since]
        return max(at for at in times if at)

    @property
    def cursor(self) -> Cursor:
        """The message's place on the wall."""
        return Cursor(self.created_at, self.id)


class Report(models.Model):
    """A visitor's word that a message should not stand; one for each sender."""

    class Reason(models.TextChoices):
        SPAM = "spam", _("It is advertising or spam")
        ABUSE = "abuse", _("It insults or threatens someone")
        PRIVATE = "private", _("It tells private things about someone")
        ILLEGAL = "illegal", _("It is against the law")
        OTHER = "other", _("Something else")

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reports"
    )
    sender = models.BinaryField(max_length=16)
    reason = models.CharField(_("reason"), max_length=7, choices=Reason)
    note = models.CharField(_("note"), max_length=NOTE_CEILING, blank=True)
    created_at = models.DateTimeField(
        _("reported"), db_default=DatabaseNow(), editable=False
    )

    class Meta:
        verbose_name, verbose_name_plural = _("report"), _("reports")
        constraints = [
            models.UniqueConstraint(
                fields=["message", "sender"], name="report_once_per_sender"
            )
        ]

    def __str__(self) -> str:
        return f"Report {self.pk}"
