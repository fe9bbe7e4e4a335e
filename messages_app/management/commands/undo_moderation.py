"""Takes an act of moderation back, as the desk's Undo does."""

from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app.management.base import ACTOR, OperatorCommand, counted
from messages_app.models import Act, Message, ModerationBatch
from messages_app.moderation import undo

MOST_FORESEEN = 10_000  # messages that --dry-run looks at
CHUNK = 1_000  # of them at once


class Command(OperatorCommand):
    help = "Undo an act of moderation: give each of its messages the state from before."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "batch", type=int, help="the number of the act, as in admin"
        )
        self.add_dry_run(parser)

    def handle(self, *, batch: int, dry_run: bool, **options: Any) -> None:
        act = ModerationBatch.objects.filter(pk=batch).first()
        if act is None:
            raise CommandError(f"There is no act {batch}. Admin lists them all.")
        if act.act == Act.UNDO:
            raise CommandError(f"Act {batch} is itself an undoing, and stays.")
        if not act.can_be_undone:
            raise CommandError(f"Act {batch} erased messages, which are gone.")
        if undo.is_done(act):
            raise CommandError(f"Act {batch} is undone already. Nothing was done.")
        if dry_run:
            self.foresee(act)
        else:
            self.undo(act)

    def foresee(self, act: ModerationBatch) -> None:
        """Say what an undoing would do, as far as it can be told without locks."""
        events = act.events.filter(message_number__isnull=False, undone_by=None)
        found = list(events.order_by("-message_number")[: MOST_FORESEEN + 1])
        looked_at = found[:MOST_FORESEEN]
        restored = skipped = 0
        for start in range(0, len(looked_at), CHUNK):
            chunk = {e.message_number: e for e in looked_at[start : start + CHUNK]}
            there = Message.objects.in_bulk(chunk)
            own = {number: chunk[number] for number in there}
            left = undo.decided_later(own, there, act)
            restored += len(there) - len(left)
            skipped += len(left)
        would = told(restored, skipped, act.bans.count())
        more = f", of the newest {MOST_FORESEEN:,}" if looked_at != found else ""
        self.stdout.write(f"Would be {would}{more}. Nothing was done.")

    def undo(self, act: ModerationBatch) -> None:
        bans = act.bans.count()
        done = undo.undo(act, actor=ACTOR)
        undoing = self.carry_out(done, act.message_count)
        told_done = told(undoing.message_count, undoing.skipped_count, bans)
        self.say(f"{told_done}.")
        self.tell_if_cache_lags()


def told(restored: int, skipped: int, bans: int) -> str:
    """Return how many, in words."""
    skips = f", {skipped:,} skipped on which a later act stands" if skipped else ""
    lifted = f", {counted(bans, 'ban')} lifted" if bans else ""
    return f"{counted(restored, 'message')} restored{skips}{lifted}"
