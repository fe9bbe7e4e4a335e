"""What a wall knows beside its messages: one row each, or one a month."""

import secrets

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class SenderSalt(models.Model):
    """What the senders of one month are told apart by; see senders.py."""

    month = models.DateField(primary_key=True)  # its first day, in UTC
    salt = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class PageViewTotal(models.Model):
    """The view count as last folded from the cache: one row, which outlives the cache."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    total = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="page_view_total_is_one_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.total} views"


class Mode(models.TextChoices):
    """How freely what visitors post is published, freest first."""

    OPEN = "open", _("Open: only the moderators' own rules hold a message")
    RISKY = "risky", _("Hold what looks risky")
    ALL = "all", _("Hold all until a moderator publishes it")

    @property
    def strictness(self) -> int:
        return list(Mode).index(self)


WEEK = 7 * 24 * 60  # minutes


def new_token() -> str:
    return secrets.token_hex(8)


class WallStateManager(models.Manager["WallState"]):
    def current(self) -> "WallState":
        """Return the one row; it is made if it is not there."""
        return self.get_or_create(pk=1)[0]

    def renew_rules(self) -> None:
        """Tell all processes that the rules have changed."""
        if not self.filter(pk=1).update(rules_token=new_token()):
            self.current()


class WallState(models.Model):
    """How the wall is moderated; each process reads it at each post. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    mode = models.CharField(_("mode"), max_length=5, choices=Mode, default=Mode.RISKY)
    # What the flood valve asks for, and when a minute was last over its threshold.
    valve_mode = models.CharField(
        max_length=5, choices=Mode, blank=True, editable=False
    )
    valve_at = models.DateTimeField(null=True, editable=False)
    most_links = models.PositiveSmallIntegerField(
        _("links a message may have"),
        default=2,
        help_text=_("More are risky."),
        validators=[MaxValueValidator(1_000)],
    )
    fast_seconds = models.PositiveSmallIntegerField(
        _("seconds a person needs to write"),
        default=2,
        help_text=_("A form that comes back sooner is risky. 0: none is."),
        validators=[MaxValueValidator(3_600)],
    )
    repeat_minutes = models.PositiveSmallIntegerField(
        _("minutes in which the same text is a repetition"),
        default=60,
        help_text=_("A repetition is risky. 0: none is."),
        validators=[MaxValueValidator(WEEK)],
    )
    risky_per_minute = models.PositiveIntegerField(
        _("posts in a minute that switch to holding what is risky"),
        default=60,
        help_text=_("0: no number does."),
        validators=[MaxValueValidator(10_000)],
    )
    all_per_minute = models.PositiveIntegerField(
        _("posts in a minute that switch to holding all"),
        default=120,
        help_text=_("0: no number does."),
        validators=[MaxValueValidator(10_000)],
    )
    calm_minutes = models.PositiveSmallIntegerField(
        _("minutes of calm after which that ends"),
        default=10,
        validators=[MaxValueValidator(WEEK)],
    )
    notice_minutes = models.PositiveSmallIntegerField(
        _("minutes between two e-mails to moderators, at least"),
        default=30,
        validators=[MaxValueValidator(WEEK)],
    )
    noticed_at = models.DateTimeField(null=True, editable=False)
    # Renewed when a rule changes, so that each process knows its own are old.
    rules_token = models.CharField(max_length=16, default=new_token, editable=False)

    objects = WallStateManager()

    class Meta:
        verbose_name = verbose_name_plural = _("how the wall is moderated")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="wall_state_is_one_row"
            )
        ]

    def __str__(self) -> str:
        return str(self.get_effective_mode().label)

    def get_effective_mode(self) -> Mode:
        """Return the stricter of what moderators and the flood valve ask for."""
        asked = [Mode(mode) for mode in (self.mode, self.valve_mode) if mode]
        return max(asked, key=lambda mode: mode.strictness)

    def is_raised_by_valve(self) -> bool:
        """Return whether the flood valve asks for more than the moderators do."""
        return self.get_effective_mode() != self.mode
