"""The feed, as a feed reader takes it."""

import feedparser

from messages_app.management import awkward


def test_a_feed_reader_understands_the_feed(wall, make_message):
    for text in awkward.HOSTILE.values():
        make_message(text, author_name="Ada")
    address = f"http://127.0.0.1:{wall.port}/feed/"
    feed = feedparser.parse(address)
    assert not feed.bozo
    assert feed.feed.title == "Message Wall"
    assert len(feed.entries) == len(awkward.HOSTILE)
    assert len({entry.id for entry in feed.entries}) == len(awkward.HOSTILE)
    again = feedparser.parse(address, etag=feed.etag)
    assert (again.status, again.entries) == (304, [])
    later = feedparser.parse(address, modified=feed.modified)
    assert (later.status, later.entries) == (304, [])
