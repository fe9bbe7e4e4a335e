"""Telling moderators by e-mail that something waits, in one digest now and then.

What is to be told stands in the outbox, the table of notices, written with the event. It
is emptied in the transaction that notes when moderators were told, after the e-mail has
left: they are told at least once. Of visitors an e-mail says nothing but how many.
"""

import logging
from collections import Counter
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import ngettext

from messages_app import languages
from messages_app.models import Message, Notice, WallState

logger = logging.getLogger(__name__)

MOST_NOTICES = 10_000  # that are counted; those before are forgotten
MOST_WAITING = 1_000  # that are counted
CHUNK = 1_000  # notices deleted at once


class Digest(NamedTuple):
    """What moderators are told."""

    waiting: int  # at most one more than MOST_WAITING
    reports: int
    mode: str  # to which the flood valve has switched; empty when it has not


def moderators() -> QuerySet[User]:
    """Return who may decide on messages."""
    model_backend = "django.contrib.auth.backends.ModelBackend"
    may = get_user_model().objects.with_perm(
        "messages_app.change_message", backend=model_backend
    )
    return may.filter(is_staff=True)


def send_digest() -> None:
    """Tell moderators what is new, unless they were told a short time ago."""
    forget_the_oldest()
    notices = list(Notice.objects.order_by("pk"))
    if not notices:
        return
    recipients = find_recipients()
    state = WallState.objects.current()
    if recipients and was_told_lately(state):
        return
    digest = gather(notices, state)
    # Not what others have dealt with meanwhile.
    is_news = bool(recipients and (digest.waiting or digest.mode))
    if is_news and not send(digest, recipients, state):
        return
    with transaction.atomic():
        if is_news:
            WallState.objects.filter(pk=1).update(noticed_at=timezone.now())
        delete([notice.pk for notice in notices])


def find_recipients() -> list[str]:
    """Return the addresses of all moderators; none where no e-mail can be sent."""
    if not settings.EMAIL_HOST:
        return []
    addresses = moderators().exclude(email="").values_list("email", flat=True)
    return sorted(set(addresses))


def was_told_lately(state: WallState) -> bool:
    since = timezone.now() - timedelta(minutes=state.notice_minutes)
    return state.noticed_at is not None and state.noticed_at > since


def gather(notices: list[Notice], state: WallState) -> Digest:
    """Return what these notices come to, and what still waits."""
    kinds = Counter(notice.kind for notice in notices)
    waiting = Message.objects.waiting()[: MOST_WAITING + 1].count()
    mode = state.get_effective_mode().value if kinds[Notice.Kind.MODE] else ""
    return Digest(waiting, kinds[Notice.Kind.REPORTED], mode)


def send(digest: Digest, recipients: list[str], state: WallState) -> bool:
    """Send one e-mail to all, none of whom sees the others; return whether it left."""
    with translation.override(settings.LANGUAGE_CODE):
        email = compose(digest, state)
    email.bcc = recipients
    try:
        email.send()
    except (OSError, ValueError) as error:  # no server; an address that is none
        logger.warning(
            "Moderators cannot be told by the mail server at %s: %s. Check EMAIL_URL and "
            "EMAIL_FROM, and that it can be reached from here. It is tried again in "
            "some minutes; nothing is lost.",
            settings.EMAIL_HOST,
            describe(error),
        )
        return False
    return True


def describe(error: Exception) -> str:
    """Return what went wrong, without the addresses that a mail server's answer names."""
    name = type(error).__name__
    told = getattr(error, "smtp_code", None) or getattr(error, "strerror", None)
    return f"{name} ({told})" if told else name


def compose(digest: Digest, state: WallState) -> EmailMessage:
    """Return the e-mail, in the language that is active."""
    count = languages.number(min(digest.waiting, MOST_WAITING))
    shown = f"{count}+" if digest.waiting > MOST_WAITING else count
    subject = ngettext(
        "%(count)s message waits for a moderator",
        "%(count)s messages wait for a moderator",
        digest.waiting,
    ) % {"count": shown}
    context = {
        "subject": subject,
        "reports": digest.reports,
        "mode": state.get_effective_mode().label if digest.mode else "",
        "link": queue_link(),
        "minutes": state.notice_minutes,
    }
    # A name that holds a line end would begin another header.
    title = " ".join(settings.WALL_TITLE.split())
    return EmailMessage(
        f"{title}: {subject}",
        render_to_string("messages_app/digest.txt", context),
        headers={
            "To": "undisclosed-recipients:;",
            "Auto-Submitted": "auto-generated",  # nobody's absence is answered to us
        },
    )


def queue_link() -> str:
    """Return the address of the queue; empty while the wall's own is not known."""
    if not settings.SITE_ADDRESS:
        return ""
    queue = reverse("admin:messages_app_message_changelist")
    return f"https://{settings.SITE_ADDRESS[0]}{queue}"


def forget_the_oldest() -> None:
    """Keep the outbox bounded in a long flood, or while no e-mail can be sent."""
    newest_first = Notice.objects.order_by("-pk").values_list("pk", flat=True)
    beyond = newest_first[MOST_NOTICES : MOST_NOTICES + 1].first()
    if beyond is None:
        return
    # That the valve has moved is told in any case; there are few of these.
    old = Notice.objects.filter(pk__lte=beyond).exclude(kind=Notice.Kind.MODE)
    while numbers := list(old.values_list("pk", flat=True)[:CHUNK]):
        delete(numbers)


def delete(numbers: list[int]) -> None:
    for start in range(0, len(numbers), CHUNK):
        Notice.objects.filter(pk__in=numbers[start : start + CHUNK]).delete()
