"""What the logs of this wall say of a request, and what they never hold."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from gunicorn import glogging


class WithoutVisitors(logging.Filter):
    """Take visitors' addresses, query strings and words out of a line of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; all are let through."""
        line = record.getMessage()
        if line.startswith("Invalid request from"):
            # gunicorn goes on with the client's address and what it sent.
            line = "A request that is not valid HTTP was refused."
        line = re.sub(r"(?<=\S)\?\S+", "", without_detail(line))
        line = without_token(line)
        # A path can hold a line end: written out, it forges no line of the log.
        line = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda c: repr(c[0])[1:-1], line)
        record.msg, record.args = line, ()
        if record.name.startswith("django.security"):
            record.exc_info = None  # a visitor's mistake: where in Django tells nothing
        if record.exc_info:  # a formatter takes the text that is there
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = without_detail(told)
        return True


class Logger(glogging.Logger):
    """gunicorn's logger, which tells each request as one line of JSON."""

    def access(
        self,
        resp: Any,
        req: Any,
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> None:
        """Tell what was asked, what was answered, and after how many milliseconds."""
        # gunicorn's own would collect each header of each request for its format.
        if self.access_log_enabled:
            self.access_log.info(
                request_line(
                    method=environ["REQUEST_METHOD"],
                    path=environ["PATH_INFO"],
                    status=resp.status_code,
                    took=request_time,
                )
            )


def request_line(*, method: str, path: str, status: int, took: timedelta) -> str:
    """Return a line of the access log: no address, no query, no token, no browser.

    The path comes as WSGI gives it, each byte as one character.
    """
    text = path.encode("latin-1", "replace").decode(errors="replace")
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": method,
        "path": without_token(text),
        "status": status,
        "ms": round(took.total_seconds() * 1000, 1),
    }
    return json.dumps(line)  # which writes line ends and the like as \n, \u0085, ...


def without_detail(text: str) -> str:
    """Return the text without PostgreSQL's DETAIL, which quotes the row that failed."""
    return re.sub(r"(?s)\nDETAIL: .*?(?=\n\nThe above|\n\nDuring|\Z)", "", text)


def without_token(text: str) -> str:
    """Return the text with each token taken out: who has one may edit, or see the queue."""
    # By its form too, for in an address that was mangled it stands elsewhere.
    text = re.sub(r"(\d{1,17}-)?\d{1,19}\.[\w-]{43}", "-", text)
    return re.sub(r"/(receipts|queue)/[^/\s]+", r"/\1/-", text)
