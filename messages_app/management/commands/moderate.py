"""Publishes and hides messages and bans their senders, as the desk does."""

from datetime import timedelta
from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app import search
from messages_app.management.base import (
    ACTOR,
    DONE_IN_PART,
    OperatorCommand,
    add_message_filter,
    chosen_messages,
    count,
    counted,
    duration,
    message_number,
    reason,
    sender,
    tell_absent,
)
from messages_app.models import MessageQuerySet
from messages_app.moderation import acts

ACTS = {"publish": "published", "hide": "hidden", "ban": "hidden"}


class Command(OperatorCommand):
    help = (
        "Publish or hide the messages that all options given choose, or hide them with "
        "all others by their senders, who are banned."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=ACTS, help="what to do")
        parser.add_argument(
            "--id",
            type=message_number,
            nargs="+",
            metavar="NUMBER",
            help="these messages, as in their addresses: /messages/7/",
        )
        parser.add_argument(
            "--sender", type=sender, metavar="HEX", help="of this sender, 32 digits"
        )
        parser.add_argument(
            "--text",
            metavar="WORDS",
            help="that hold all these words or parts of words",
        )
        add_message_filter(parser)
        parser.add_argument("--all", action="store_true", help="all messages")
        parser.add_argument(
            "--reason",
            type=reason,
            default="",
            help="is public, and told to the authors: hide, ban",
        )
        parser.add_argument(
            "--for",
            type=duration,
            default="28d",
            metavar="TIME",
            help="how long a ban lasts, 28 days at most: 12h, 7d",
        )
        self.add_dry_run(parser)

    def handle(self, *, act: str, dry_run: bool, **options: Any) -> None:
        if not timedelta(0) < options["for"] <= acts.LONGEST_BAN:
            raise CommandError("A ban lasts up to 28 days.", returncode=2)
        messages, is_all = self.choose(**options)
        left_out = tell_absent(options["id"] or [])
        found = count(messages)
        if dry_run or not found:
            would = (
                f"{counted(found, 'message')} would be {ACTS[act]}, where not yet so"
            )
            if act == "ban" and found:
                would += ", with all others by their senders"
            self.stdout.write(f"{would}. Nothing was done.")
            if options["verbosity"] > 1:
                for number in messages.values_list("pk", flat=True).iterator():
                    self.stdout.write(str(number))
        else:
            self.act(act, messages, found, **options)
        if not is_all:
            left_out += (
                f" Only the newest {search.WALK:,} messages were searched for these "
                "words: they are common or very short, or the database has no index of "
                "words."
            )
        if left_out:
            raise CommandError(left_out.strip(), returncode=DONE_IN_PART)

    def choose(self, **options: Any) -> tuple[MessageQuerySet, bool]:
        """Return the messages that are meant, and whether all were looked at.

        Raises CommandError where none is chosen by anything.
        """
        filters = ["id", "sender", "text", "since", "until", "status"]
        if options["all"] == any(options[name] for name in filters):
            raise CommandError(
                "Say which messages, by --id, --sender, --text, --since, --until or "
                "--status; or --all, without any of these.",
                returncode=2,
            )
        messages = chosen_messages(**options)
        if options["id"]:
            messages = messages.filter(pk__in=options["id"])
        if options["sender"]:
            messages = messages.filter(sender=options["sender"])
        if not options["text"]:
            return messages, True
        words = options["text"].split()
        if not words or len(options["text"]) > search.MOST_LETTERS:
            told = f"--text takes 1 to {search.MOST_LETTERS} characters."
            raise CommandError(told, returncode=2)
        try:
            return search.narrow(messages, words)
        except search.TooSlow as error:
            raise CommandError("That takes too long to search for.") from error

    def act(
        self, act: str, messages: MessageQuerySet, found: int, **options: Any
    ) -> None:
        """Do it, and say how to take it back."""
        why, lasts = options["reason"], options["for"]
        done = {
            "publish": lambda: acts.publish(messages, actor=ACTOR),
            "hide": lambda: acts.hide(messages, actor=ACTOR, reason=why),
            "ban": lambda: acts.ban(messages, actor=ACTOR, reason=why, lasts=lasts),
        }[act]()
        try:
            # A ban hides more than is chosen.
            batch = self.carry_out(done, None if act == "ban" else found)
        except acts.TooManySenders as error:
            raise CommandError(
                f"These are messages of more than {acts.MOST_SENDERS:,} senders, too many "
                "for one act. Nothing was done."
            ) from error
        banned = batch.bans.count()
        if not batch.message_count and not banned:
            batch.delete()
            self.stdout.write(
                f"0 messages {ACTS[act]}: each is so, or withdrawn. Nothing was done."
            )
            return
        bans = f", {counted(banned, 'sender')} banned" if act == "ban" else ""
        told = f"{counted(batch.message_count, 'message')} {ACTS[act]}{bans}"
        self.say(f"{told}. To undo: manage.py undo_moderation {batch.pk}")
        self.tell_if_cache_lags()
