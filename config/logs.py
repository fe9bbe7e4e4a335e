"""What no log of this wall may hold, whoever writes the line."""

import logging
import re


class WithoutVisitors(logging.Filter):
    """Take visitors' addresses and query strings out of a line of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; all are let through."""
        line = record.getMessage()
        if line.startswith("Invalid request from"):
            # gunicorn goes on with the client's address and what it sent.
            line = "A request that is not valid HTTP was refused."
        line = re.sub(r"(?<=\S)\?\S+", "", line)
        # A path can hold a line end: written out, it forges no line of the log.
        line = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda c: repr(c[0])[1:-1], line)
        record.msg, record.args = line, ()
        if record.name.startswith("django.security"):
            record.exc_info = None  # a visitor's mistake: where in Django tells nothing
        return True
