"""The flood valve: very many posts in a minute switch the wall to a stricter mode.

It never touches the moderators' own mode: the stricter of the two counts. A moderator who
undoes what it did is heeded: it then rests as long as a calm would have to last.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from messages_app.models import Mode, ModerationEvent, ValveReason, WallState
from messages_app.moderation import record

FLOOD, CALM = ValveReason.FLOOD, ValveReason.CALM
# While a flood lasts, that it does is written down so often at most, not at each post.
RENEW_SECONDS = 10


def heed(state: WallState, posts_last_minute: int) -> WallState:
    """Return how the wall is moderated, now that a minute brought so many posts."""
    asked = mode_asked_for(state, posts_last_minute)
    if not asked or is_resting(state):
        return state
    if is_stricter(asked, state.get_effective_mode()):
        move(state, asked, FLOOD)
        # Of several that try at once one does it, and all go by it.
        state.refresh_from_db()
    elif (
        state.valve_mode
        and not is_stricter(state.valve_mode, asked)
        and is_older(state, timedelta(seconds=RENEW_SECONDS))
    ):
        unchanged(state).update(valve_at=timezone.now())
    return state


def mode_asked_for(state: WallState, posts_last_minute: int) -> str:
    """Return the mode that so many posts in a minute switch to; empty for none."""
    if 0 < state.all_per_minute < posts_last_minute:
        return Mode.ALL
    if 0 < state.risky_per_minute < posts_last_minute:
        return Mode.RISKY
    return ""


def is_stricter(mode: str, than: str) -> bool:
    return bool(mode) and (not than or Mode(mode).strictness > Mode(than).strictness)


def is_resting(state: WallState) -> bool:
    """Return whether a moderator has opened the valve, a short time ago."""
    return state.valve_at is not None and state.valve_at > timezone.now()


def calm() -> None:
    """Open the valve again when no minute has been over its threshold for long enough."""
    state = WallState.objects.exclude(valve_mode="").first()
    if state and is_older(state, timedelta(minutes=state.calm_minutes)):
        move(state, "", CALM)


def is_older(state: WallState, age: timedelta) -> bool:
    """Return whether the last minute over the threshold is as long ago."""
    return state.valve_at is None or state.valve_at <= timezone.now() - age


def move(state: WallState, valve_mode: str, reason: str) -> None:
    """Set the valve, unless anyone has moved it or the mode since the row was read."""
    before = state.get_effective_mode()
    valve_at = timezone.now() if valve_mode else None
    with transaction.atomic():
        if unchanged(state).update(valve_mode=valve_mode, valve_at=valve_at):
            state.valve_mode = valve_mode
            after = state.get_effective_mode()
            if after != before:  # else the moderators' own mode is as strict
                record.valve_moved(before, after, reason)


def unchanged(state: WallState) -> QuerySet[WallState]:
    """Return the row, if it still is as it was read."""
    return WallState.objects.filter(
        pk=state.pk,
        mode=state.mode,
        valve_mode=state.valve_mode,
        valve_at=state.valve_at,
    )


def undo(switch: ModerationEvent) -> bool:
    """Give back the mode from before, if the valve has not moved since; return whether."""
    state = WallState.objects.current()
    if switch.reason == FLOOD:
        expected, before = switch.to_status, switch.from_status
        if not is_stricter(before, state.mode):
            before = ""
        valve_at = timezone.now() + timedelta(minutes=state.calm_minutes)
    else:
        expected, before = "", switch.from_status
        valve_at = timezone.now()
    if state.valve_mode != expected:
        return False
    return bool(unchanged(state).update(valve_mode=before, valve_at=valve_at))
