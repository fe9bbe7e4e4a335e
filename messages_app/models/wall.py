"""What a wall knows beside its messages: one row each, or one a month."""

from django.db import models


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
