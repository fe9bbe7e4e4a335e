"""Tells and switches how freely visitors' messages are published."""

from typing import Any

from django.core.management import CommandParser

from messages_app.management.base import ACTOR, OperatorCommand
from messages_app.models import Mode, WallState
from messages_app.moderation import acts

MODES = {"open": Mode.OPEN, "hold-risky": Mode.RISKY, "hold-all": Mode.ALL}
NAMES = {mode.value: name for name, mode in MODES.items()} | {"": "nothing"}


class Command(OperatorCommand):
    help = "Tell the wall's mode, or switch it in all processes at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "mode",
            nargs="?",
            choices=MODES,
            help="to switch to; without one, only tell",
        )
        self.add_dry_run(parser)

    def handle(self, *, mode: str | None, dry_run: bool, **options: Any) -> None:
        if mode and dry_run:
            own = NAMES[WallState.objects.current().mode]
            self.stdout.write(f"Would switch from {own} to {mode}. Nothing was done.")
            return
        if mode:
            acts.set_mode(MODES[mode], actor=ACTOR)
        state = WallState.objects.current()
        told = (
            f"in force: {NAMES[state.get_effective_mode()]}\n"
            f"the moderators' own: {NAMES[state.mode]}\n"
            f"the flood valve asks for: {NAMES[state.valve_mode]}"
        )
        if mode:
            self.say(told)
        else:
            self.stdout.write(told)
