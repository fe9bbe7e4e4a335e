"""As Django's, with the comma before the time."""

DATETIME_FORMAT = "j. F Y, H:i"
