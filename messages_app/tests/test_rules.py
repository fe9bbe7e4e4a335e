import html
import re
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.utils import formats, timezone

from messages_app import form_key, senders
from messages_app.admin.rules import RuleForm
from messages_app.models import (
    Act,
    EarlierText,
    Message,
    ModerationEvent,
    Notice,
    Rule,
    SenderSalt,
    WallState,
)
from messages_app.moderation import acts, judge, rules
from messages_app.moderation.undo import undo


@contextmanager
def cpu_seconds(count):
    """Fail what takes more of this process's own time, however busy the machine is."""

    def fail(*_):
        pytest.fail(f"more than {count} seconds of work")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, count)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def state(db):
    """Return a function that sets how the wall is moderated."""
    return lambda **values: WallState.objects.update_or_create(pk=1, defaults=values)


@pytest.fixture
def rule(db):
    """Return a function that writes a moderator's rule."""

    def make(kind, pattern, verdict="hold", **fields):
        return Rule.objects.create(
            kind=kind, pattern=pattern, verdict=verdict, **fields
        )

    return make


@pytest.fixture
def became(post, client):
    """Return a function that posts, and tells what became of it: status and reason."""

    def send(content="Hello", **fields):
        response = post(content, **fields)
        if response.status_code == 422:
            return "refused", response.text
        message = Message.objects.latest("id")
        if message.status == "held":
            page = html.unescape(client.get(response["Location"]).text)
            assert "Your message waits for a moderator" in page
            assert str(Message.Reason(message.reason).label) in page
        return message.status, message.reason

    return send


def key_of_age(seconds, monkeypatch):
    then = signing.time.time() - seconds
    with monkeypatch.context() as clock:
        clock.setattr(signing.time, "time", lambda: then)
        return form_key.new()


# What moderators wrote


def test_a_word_that_is_held_waits_and_its_author_reads_why(became, rule, page):
    rule("word", "casino")
    assert became("Win at the саѕіnо today") == ("held", "word")
    assert "today" not in page()
    assert became("Casinos are something else") == ("published", "")


def test_a_word_in_the_name_counts_too(became, rule):
    rule("word", "casino")
    assert became("Hello", author_name="C A S I N O")[0] == "held"


def test_a_word_that_is_refused_is_told_with_the_text_kept(post, rule, db):
    rule("word", "casino", "refuse")
    response = post("Win at the casino today", author_name="Ada")
    assert response.status_code == 422
    assert "holds words that this wall does not take" in response.text
    assert "Win at the casino today</textarea>" in response.text
    assert 'value="Ada"' in response.text
    assert not Message.objects.exists()


def test_the_refusal_never_tells_which_word(post, rule):
    rule("word", "casino", "refuse", note="gambling")
    refused = post("саsіnо").text
    assert "casino" not in refused
    assert "gambling" not in refused


def test_what_is_refused_counts_as_no_accepted_post(post, rule):
    rule("word", "casino", "refuse")
    for _ in range(12):  # ten a minute are accepted
        assert post("casino").status_code == 422
    assert post("Hello").status_code == 303


def test_a_refusal_comes_before_a_hold(became, rule):
    rule("word", "casino", "hold")
    rule("word", "spam", "refuse")
    assert became("casino spam")[0] == "refused"


def test_an_expired_rule_does_nothing(became, rule):
    rule("word", "casino", expires_at=timezone.now() - timedelta(seconds=1))
    assert became("casino") == ("published", "")


def test_a_rule_ends_at_its_time_in_a_process_that_knows_it(became, rule, monkeypatch):
    rule("word", "casino", expires_at=timezone.now() + timedelta(hours=1))
    assert became("casino")[0] == "held"
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert became("casino again") == ("published", "")


def test_a_new_rule_holds_at_once_in_a_process_that_knew_none(became, rule):
    assert became("casino") == ("published", "")
    made = rule("word", "casino")
    assert became("casino two") == ("held", "word")
    made.delete()
    assert became("casino three") == ("published", "")


LINKS = [
    *(
        "http://spam.example/x?y",
        "spam.example",
        "HTTPS://SPAM.EXAMPLE",
        "spam.example.",
    ),
    *("https://a.b.spam.example:8443/", "https://good.example@spam.example/"),
    *("https://user:pw@spam.example", "http:\\\\spam.example", "//spam.example"),
    *(
        "https://ѕраm.example",
        "ｓｐａｍ．ｅｘａｍｐｌｅ",
        "spam。example",
        "sp\u00adam.example",
    ),
    *(
        "me@spam.example",
        "https://sp%61m.example/",
        "(spam.example)",
        "http:///spam.example",
    ),
    # Quotes, signs and letters of another script beside it.
    *("“https://spam.example”", "«https://spam.example»", "„spam.example“"),
    *("看https://spam.example吧", "看spam.example吧", "ดูspam.exampleนะ"),
    *("spam.example에서", "привет-spam.exampleпривет", "बspam.exampleमें"),
    *("spam.example-", "--spam.example--", "_spam.example_", "$spam.example"),
    *("spam.example…", "spam.example...", "spam.example。谢谢", "spam.example؟"),
    *("❤️spam.example❤️", "→spam.example←", "看https://ѕраm.example吧", "spam.example-."),
    *("https://a-b.spam.example、", "https://_dmarc.spam.example/", "x@-spam.example"),
    # What the wall itself makes a link to it of.
    *(
        "https://spam&#46;example",
        "https://sp&#97;m.example/",
        "www.spam&period;example",
    ),
    # Written so that it is no link.
    *("spam[.]example", "spam(.)example", "spam{.}example", "spam [.] example"),
    *("spam[dot]example", "spam (DOT) example", "spam dot example", "spam . example"),
    *("spam .example", "spam. example", "spam,example", "spam·example", "spam•example"),
    *("spam‧example", "spam\\.example", "spam&#46;example", "at ѕраm[.]example. then"),
    *("SPAM. EXAMPLE", "shop[.]spam[.]example/x"),
]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_to_a_blocked_domain_is_held_however_it_is_written(became, rule, link):
    rule("domain", "spam.example")
    assert became(f"Look: {link}") == ("held", "domain")


@pytest.mark.parametrize(
    "link", ["https://bücher.example", "https://xn--bcher-kva.example"]
)
@pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example"])
def test_a_domain_is_the_same_in_both_its_spellings(became, rule, link, domain):
    rule("domain", domain)
    assert became(link) == ("held", "domain")


@pytest.mark.parametrize(
    "link",
    [
        *("https://notspam.example", "https://spam.example.org", "example", "spam"),
        *("not-spam.example", "not--spam.example", "spam.example-shop.org"),
        *(
            "øspam.example",
            "spam.exampleø",
            "spam…example",
            "spam. Example",
            "I eat spam, example",
        ),
        *(
            "no spam[.]examples",
            "spam-dot-example",
            "nospam dot example",
            "spam dot\u00b7example",
        ),
    ],
)
def test_a_link_to_another_domain_is_not(became, rule, link):
    rule("domain", "spam.example")
    assert became(link) == ("published", "")


@pytest.mark.parametrize(
    ("domain", "link", "is_listed"),
    [
        ("赌场.com", "https://赌场.com/看", True),
        ("赌场.com", "https://xn--mes317j.com", True),
        ("赌场.com", "https://大赌场.com", False),
        ("пример.рф", "«пример.рф»", True),
        ("пример.рф", "непример.рф", False),
        ("пример.рф", "прим℮р.рф", True),
        ("пример.рф", "пример точка рф", False),
        ("spam.example", "https://spam.example。中文", True),
    ],
)
def test_a_domain_of_another_script_is_held_as_a_whole(
    became, rule, domain, link, is_listed
):
    rule("domain", domain)
    assert became(link)[0] == ("held" if is_listed else "published")


@pytest.mark.parametrize("domain", ["\u0301.com", "\u200d.com", "a.\u0301.com"])
def test_a_domain_of_which_a_label_cannot_be_seen_is_no_rule(db, domain):
    form = RuleForm({"kind": "domain", "pattern": domain, "verdict": "hold"})
    assert "This is no domain." in form.errors["pattern"][0]


@pytest.mark.parametrize(
    "part",
    [
        *("㌖", "a.", "-", "a-", "--a", ".", "v ", "…", "xn--", "xn--a.", "%41", "看a"),
        *(
            "v\u0e38",
            "a😀",
            "a dot ",
            "a . ",
            "a,",
            "No. ",
            "a\n\n",
            "a  ",
            "'ll",
            "क ",
            "lI",
        ),
        *("spam.example-", "https://", "www.", "a'", "a|", "!1l", "(", "вот", "🇨"),
    ],
)
def test_ten_thousand_characters_of_anything_are_judged(rule, part):
    rule("domain", "spam.example")
    rule("word", "bot")
    rule("word", "a a a a a a a a a a b")
    book = rules.Book(WallState(), rules.Rows.of(Rule.objects.all()))
    # Seconds of this process: 0.5 at most where the work grows with the text, far more
    # where it grows with its square.
    with cpu_seconds(10):
        rules.judge(rules.Post(text=(part * 10_000)[:10_000], name="Ada"), book)


def test_a_refused_domain_is_told_without_its_name(post, rule):
    rule("domain", "spam.example", "refuse")
    response = post("https://spam.example")
    assert response.status_code == 422
    assert "Remove the link and send it again" in response.text


def test_a_banned_sender_is_told_until_when_and_keeps_the_text(post, rule, rf):
    name = senders.find(rf.get("/")).hex()
    until = timezone.now() + timedelta(days=3)
    rule("sender", name, "refuse", expires_at=until)
    response = post("It is me again")
    assert response.status_code == 422
    assert "Nothing can be posted from your network until" in response.text
    assert f"{formats.date_format(until.astimezone(UTC), 'DATETIME_FORMAT')} UTC" in (
        response.text
    )
    assert "It is me again</textarea>" in response.text


@pytest.fixture
def names(db, rf):
    """Return this month's name of the sender, and the last one's."""
    month = datetime.now(UTC).date().replace(day=1)
    SenderSalt.objects.create(month=senders.month_before(month), salt=b"s" * 32)
    return senders.find_all(rf.get("/"))


def test_a_ban_reaches_a_sender_by_last_months_name(post, rule, names):
    rule("sender", names[1].hex(), "refuse")
    assert post("Hello").status_code == 422


def test_a_ban_outlives_the_salt_of_the_month_whose_name_it_knew(
    post, make_message, names, monkeypatch
):
    message = make_message("spam", sender=names[1])
    of_it = Message.objects.filter(pk=message.pk)
    ban = acts.finish(acts.ban(of_it, actor="mod", reason="Spam"))
    assert post("Again").status_code == 422
    SenderSalt.objects.filter(salt=b"s" * 32).delete()
    monkeypatch.setattr(senders, "salts", senders.Salts())
    assert post("And again").status_code == 422
    assert len({rule.expires_at for rule in Rule.objects.all()}) == 1
    acts.finish(undo(ban, actor="mod"))
    assert post("Thank you").status_code == 303


def test_who_is_listed_is_listed_once(post, rule, names):
    rule("sender", names[1].hex(), "refuse")
    post("Again")
    post("And again")
    assert Rule.objects.count() == 2


def test_a_ban_is_of_one_sender(post, client, rule, rf):
    rule("sender", senders.find(rf.get("/")).hex(), "refuse")
    assert client.post("/", {"content": "Hi"}, **ELSEWHERE).status_code == 303


# What is only risky


def test_many_links_are_held(became, state):
    assert became("https://a.example https://b.example") == ("published", "")
    three = "https://a.example www.b.example https://c.example"
    assert became(three) == ("held", "links")
    state(most_links=3)
    assert became(f"See {three}") == ("published", "")


def test_the_same_text_again_is_held_whoever_sends_it(became, client):
    client.post("/", {"content": "Buy now"}, **ELSEWHERE)
    client.cookies.clear()  # another browser
    assert became("Buy now") == ("held", "repeated")
    assert became("Buy it now") == ("published", "")


@pytest.mark.parametrize(
    "again",
    [
        *("BUY NOW, 2 for 1!", "buy  now,\n2 for 1", "Buy now, 2 for 1?!..."),
        *("Buy\u200b now, 2 for\u2060 1", "Buynow, 2for1", "Вuу nоw, 2 for 1。"),
    ],
)
def test_the_same_text_is_held_however_it_is_dressed(became, make_message, again):
    make_message("Buy now, 2 for 1")
    assert became(again) == ("held", "repeated")


@pytest.mark.parametrize(
    ("first", "second"),
    [("2:1", "21"), ("+1", "1"), ("👍", "🔥"), ("!", "?")],
)
def test_a_short_text_that_says_something_else_is_no_repetition(
    became, make_message, first, second
):
    make_message(first)
    assert became(second) == ("published", "")


def test_what_was_edited_is_repeated_by_its_new_text_only(edit, became, client):
    edit("Better words")
    client.cookies.clear()
    assert became("better words!") == ("held", "repeated")
    assert became("Fine words") == ("published", "")


def test_what_was_updated_in_bulk_is_not_repeated_by_its_old_text(became, make_message):
    message = make_message("Good morning")
    message.content = "Good evening"
    Message.objects.bulk_update([message], ["content"])
    assert became("Good morning") == ("published", "")


def test_what_was_written_in_bulk_is_repeated_too(became, db):
    Message.objects.bulk_create([Message(content="Good morning")])
    assert became("good morning.") == ("held", "repeated")


def test_after_a_while_the_same_text_is_no_repetition(became, make_message, state):
    long_ago = timezone.now() - timedelta(minutes=61)
    make_message("Good morning", created_at=long_ago)
    assert became("Good morning") == ("published", "")
    state(repeat_minutes=0)
    assert became("Good morning") == ("published", "")


def test_another_time_of_repetition_counts_for_the_next_post(
    became, make_message, state
):
    make_message("Good morning", created_at=timezone.now() - timedelta(minutes=90))
    assert became("Hello") == ("published", "")
    state(repeat_minutes=120)
    assert became("Good morning") == ("held", "repeated")


@pytest.mark.parametrize("fields", [{"status": "hidden"}, {"status_before": "hidden"}])
@pytest.mark.parametrize("sender", [b"\0" * 16, b"\1" * 16])
def test_a_hidden_message_is_found_by_either_name_of_its_sender(
    make_message, sender, fields
):
    names = [b"\0" * 16, b"\1" * 16]
    make_message("fine", sender=sender)
    assert not judge.find_facts("x", names, None).was_hidden_before
    make_message("rude", sender=sender, **fields)
    assert judge.find_facts("x", names, None).was_hidden_before


def test_a_sender_of_a_hidden_message_is_held(became, make_message, rf, client):
    sender = senders.find(rf.get("/"))
    make_message("rude", sender=sender, status="hidden")
    assert became("Hello") == ("held", "hidden-before")
    client.post("/", {"content": "Another"}, **ELSEWHERE)
    assert Message.objects.get(content="Another").status == "published"


@pytest.mark.parametrize("which", range(4))
def test_a_sender_is_known_by_each_living_name(
    became, make_message, names, rf, settings, which
):
    settings.SECRET_KEY_FALLBACKS = ["the key before"]
    make_message("rude", sender=senders.find_all(rf.get("/"))[which], status="hidden")
    assert became("Hello") == ("held", "hidden-before")


def test_a_form_that_comes_back_fast_is_held(became, monkeypatch):
    assert became("Quick", form_key=form_key.new()) == ("held", "fast")
    slow = key_of_age(4, monkeypatch)
    assert became("Slow", form_key=slow) == ("published", "")
    of_another_clock = key_of_age(-30, monkeypatch)
    assert became("Early", form_key=of_another_clock) == ("published", "")
    assert became("Without a key") == ("published", "")


def test_the_honeypot_is_in_the_form_and_hidden_from_people(page):
    field = re.search(r'<div class="trap".*?</div>', page(), re.DOTALL)[0]
    assert 'aria-hidden="true"' in field
    assert 'tabindex="-1"' in field
    assert 'autocomplete="off"' in field
    assert "Leave this empty" in field


@pytest.mark.parametrize("mode", ["open", "risky", "all"])
def test_who_fills_in_the_honeypot_is_held(became, state, mode):
    state(mode=mode)
    assert became("Hello", topic="Viagra") == ("held", "honeypot")
    assert became("Hi", topic="")[0] == ("held" if mode == "all" else "published")


# Modes


def test_an_open_wall_publishes_what_is_risky(became, state, rule):
    state(mode="open")
    rule("word", "casino")
    for _ in range(2):
        assert became("https://a.example " * 5, form_key=form_key.new())[0] == (
            "published"
        )
    assert became("casino") == ("held", "word")


def test_a_closed_wall_holds_all_that_is_not_refused(became, state, rule):
    state(mode="all")
    rule("word", "casino", "refuse")
    assert became("Hello") == ("held", "mode")
    assert became("casino")[0] == "refused"


def test_the_flood_valve_makes_the_wall_stricter_not_freer(became, state):
    state(mode="open", valve_mode="all")
    assert became("Hello") == ("held", "mode")


# What is stored


def test_a_held_post_has_its_event_and_its_notice(became, state):
    state(mode="all")
    became("Hello")
    message = Message.objects.get()
    event = ModerationEvent.objects.get(message_number=message.pk)
    assert (event.act, event.to_status, event.reason) == (Act.HOLD, "held", "mode")
    assert message.waits_since
    assert Notice.objects.filter(kind=Notice.Kind.HELD).count() == 1


def test_a_published_post_has_neither(became):
    became("Hello")
    assert not ModerationEvent.objects.exists()
    assert not Notice.objects.exists()


def test_a_resent_form_is_answered_like_the_first_and_is_no_repetition(
    post, client, monkeypatch
):
    key = key_of_age(60, monkeypatch)
    first = post("Once", form_key=key)
    client.cookies.clear()
    again = post("Once", form_key=key)
    assert (again.status_code, again["Location"]) == (303, first["Location"])
    assert Message.objects.get().status == "published"
    assert not Notice.objects.exists()


def test_a_resent_form_is_not_refused_by_a_rule_that_came_later(
    post, client, rule, monkeypatch
):
    key = key_of_age(60, monkeypatch)
    first = post("Win at the casino", form_key=key)
    client.cookies.clear()
    rule("word", "casino", "refuse")
    again = post("Win at the casino", form_key=key)
    assert (again.status_code, again["Location"]) == (303, first["Location"])


@pytest.mark.parametrize("count", [0, 300])
def test_the_facts_take_one_query(rule, state, count, django_assert_num_queries):
    state(mode="risky")
    for number in range(count):
        rule("word", f"word{number}")
    with django_assert_num_queries(1):
        judge.find_facts("Hello", [b"\0" * 16, b"\1" * 16], b"\0" * 32)


def test_the_rules_are_read_once(became, rule, state, django_assert_num_queries):
    state(mode="risky")
    rule("word", "casino")
    became("first")
    book = WallState.objects.get()
    with django_assert_num_queries(0):
        assert judge.memory.book(book).rows.words


def test_posts_of_the_last_minute_are_counted_as_far_as_matters(make_message, state):
    state(risky_per_minute=1, all_per_minute=2)
    make_message("old", created_at=timezone.now() - timedelta(minutes=2))
    for number in range(5):
        make_message(f"new {number}")
    judge.find_facts("x", [b"\0" * 16], None)
    judge.memory.book(WallState.objects.current())
    assert judge.find_facts("x", [b"\0" * 16], None).posts_last_minute == 3


def test_a_wall_without_its_row_gets_one(became):
    WallState.objects.all().delete()
    assert became("Hello") == ("published", "")
    assert WallState.objects.get().mode == "risky"


# Edits


@pytest.fixture
def edit(client, post, db):
    """Return a function that edits a message just posted."""
    receipt = re.search("<(.*)>", post("Fine words")["Link"])[1]

    def send(content):
        return client.post(receipt, {"action": "edit", "content": content})

    return send


def test_an_edit_is_held_for_what_a_post_is_held_for(edit, rule, page):
    rule("word", "casino")
    assert edit("Come to the casino").status_code == 303
    message = Message.objects.get()
    assert (message.status, message.reason) == ("held", "word")
    assert message.content == "Come to the casino"
    assert "casino" not in page()
    assert EarlierText.objects.get().content == "Fine words"
    assert ModerationEvent.objects.filter(act=Act.HOLD).count() == 1
    assert Notice.objects.count() == 1


def test_an_edit_that_is_refused_keeps_both_texts(edit, rule):
    rule("domain", "spam.example", "refuse")
    response = edit("See spam.example")
    assert response.status_code == 422
    assert "Remove the link" in response.text
    assert "See spam.example</textarea>" in response.text
    assert Message.objects.get().content == "Fine words"


def test_who_is_banned_edits_nothing(edit, rule):
    name = bytes(Message.objects.get().sender).hex()
    rule("sender", name, "refuse", expires_at=timezone.now() + timedelta(days=1))
    response = edit("Buy this")
    assert "Nothing can be posted from your network" in response.text
    assert "Buy this</textarea>" in response.text
    assert Message.objects.get().content == "Fine words"


def test_who_is_listed_to_be_held_has_a_reason_of_their_own(edit, rule, page):
    rule("sender", bytes(Message.objects.get().sender).hex())
    edit("Better words")
    message = Message.objects.get()
    assert (message.status, message.reason) == ("held", "sender")


def test_an_edit_repeats_others_but_not_its_own_text(edit, make_message):
    make_message("Buy now, 2 for 1")
    edit("Fine words!")
    assert Message.objects.filter(content="Fine words!").visible().exists()
    edit("BUY NOW, 2 for 1")
    message = Message.objects.get(content="BUY NOW, 2 for 1")
    assert (message.status, message.reason) == ("held", "repeated")


def test_an_edit_on_a_closed_wall_is_held(edit, state):
    state(mode="all")
    edit("Better words")
    assert Message.objects.get().status == "held"


def test_an_edit_never_raises_a_state(edit, state):
    Message.objects.update(status="held", reason="links")
    edit("Better words")
    message = Message.objects.get()
    assert (message.status, message.reason) == ("held", "links")


# Many rules


def test_thousands_of_rules_stay_quick(db):
    Rule.objects.bulk_create(
        Rule(kind=kind, pattern=f"pattern{number}{end}")
        for kind, end in [("word", "word"), ("domain", ".example")]
        for number in range(2500)
    )
    book = rules.Book(WallState(), rules.Rows.of(Rule.objects.living()))
    rules.judge(rules.Post(text="warm"), book)
    text = "Съешь же ещё этих мягких french булок at https://good.example. " * 5
    with cpu_seconds(0.1):
        assert rules.judge(rules.Post(text=text, name="Ada"), book).reason == "links"
