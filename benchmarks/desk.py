"""The moderator's desk on a large wall: how long each of its pages takes.

Run by `make bench` in a process of its own, on a database of its own. The pages are asked
for without a server between: its share is half a millisecond.
"""

import argparse
import json
import sys
import time
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.test import Client

# Per 2,000: one held; per 1,000: one spam, of 40 senders; per 500: one reported; per 100:
# one hidden. Others come from 50,000 senders, or from none that is known.
FILL = """
INSERT INTO messages_app_message (content, author_name, created_at, status, sender,
  is_kept, report_count, reason, status_before, is_edited_by_staff, waits_since)
SELECT
  CASE WHEN i %% 1000 = 7 THEN 'Cheap watches at https://watches.example/ number ' || i
       ELSE 'Message number ' || i || ', in which somebody says hello to the others.' END,
  'Ada', now() - i * interval '5 seconds',
  CASE WHEN i %% 2000 = 3 THEN 'held' WHEN i %% 100 = 5 THEN 'hidden' ELSE 'published' END,
  CASE WHEN i %% 1000 = 7 THEN decode(md5('spam' || i / 1000 %% 40), 'hex')
       WHEN i %% 50 > 0 THEN decode(md5((i %% 50000)::text), 'hex') END,
  false, CASE WHEN i %% 500 = 9 THEN 1 + i %% 4 ELSE 0 END,
  CASE WHEN i %% 2000 = 3 THEN 'links' WHEN i %% 100 = 5 THEN 'word' ELSE '' END, '', false,
  CASE WHEN i %% 2000 = 3 OR i %% 5000 = 9 THEN now() - i * interval '5 seconds' END
FROM generate_series(%s, %s) AS i
"""
LIST = "/admin/messages_app/message/"
STOCK = "/stock/messages_app/message/"


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.desk", description=__doc__)
    parser.add_argument("messages", type=int)
    parser.add_argument("rounds", type=int)
    options = parser.parse_args()
    django.setup()
    settings.ROOT_URLCONF = "benchmarks.stock"
    settings.ALLOWED_HOSTS = ["testserver"]
    fill(options.messages)
    json.dump(measure(pages(), options.rounds), sys.stdout)


def fill(messages: int) -> None:
    with connection.without_limit(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(FILL, [1, messages])
        cursor.execute("VACUUM ANALYZE")


def pages() -> dict[str, str]:
    """Return what is measured, by name; after an act, which has a page too."""
    from messages_app.models import Message
    from messages_app.moderation import acts

    spam = Message.objects.filter(content__startswith="Cheap", reason="").latest("pk")
    of_sender = Message.objects.filter(sender=spam.sender)
    batch = acts.finish(acts.hide(of_sender, actor="moderator", reason="Spam"))
    message = f"{LIST}{spam.pk}"
    status = {name: f"{LIST}?status={name}" for name in ("published", "held", "hidden")}
    return {
        "what waits": LIST,
        "all messages": f"{LIST}?status=all",
        "the same, page 50": f"{LIST}?status=all&p=50",
        **{f"status: {name}": address for name, address in status.items()},
        "of the last week": f"{LIST}?status=all&posted=week",
        "of one sender": f"{LIST}?sender={bytes(spam.sender or b'').hex()}",
        "of one reason": f"{LIST}?status=all&reason=word",
        "reported": f"{LIST}?status=all&reported=yes",
        "search: a thousand hold it": f"{LIST}?q=cheap+watches",
        "search: one holds it": f"{LIST}?q=watches.example/+number+{spam.pk}",
        "search: nearly all hold it": f"{LIST}?q=hello",
        "search: two letters": f"{LIST}?q=lo",
        "one message": f"{message}/change/",
        "its history": f"{message}/history/",
        "all acts": "/admin/messages_app/moderationbatch/",
        "one act": f"/admin/messages_app/moderationbatch/{batch.pk}/change/",
        "no message: the change of a password": "/admin/password_change/",
        "Django's own: all messages": STOCK,
        "Django's own: the same, page 50": f"{STOCK}?p=50",
        "Django's own: status published": f"{STOCK}?status__exact=published",
        "Django's own: search, a thousand hold it": f"{STOCK}?q=cheap+watches",
        "Django's own: search, nearly all hold it": f"{STOCK}?q=hello",
    }


def measure(pages: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Ask each in turn, round after round; return the milliseconds of each."""
    from django.contrib.auth.models import User

    client: Any = Client()
    client.force_login(User.objects.create_superuser("moderator"))
    times: dict[str, list[float]] = {name: [] for name in pages}
    for number in range(rounds + 1):  # the first does not count
        for name, address in pages.items():
            begin = time.perf_counter()
            assert client.get(address).status_code == 200, address  # noqa: S101
            if number:
                times[name].append(round((time.perf_counter() - begin) * 1000, 1))
    return times


if __name__ == "__main__":
    main()
