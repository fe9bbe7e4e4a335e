"""The author's private page: state and reason, edit, withdraw, undo, erase."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from messages_app import form_key, receipts
from messages_app.models import Message, WallState


@pytest.fixture
def receipt(post):
    """Post a message; return the address of its receipt."""
    return re.search("<(.*)>", post("My words", author_name="Ada")["Link"])[1]


@pytest.fixture
def act(client, receipt, django_capture_on_commit_callbacks):
    """Return a function that presses a button of the receipt."""

    def press(action, headers=None, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            sent = {"action": action, **fields}
            return client.post(receipt, sent, headers=headers)

    return press


@pytest.fixture
def after_the_window(monkeypatch):
    """Return a function that moves the clock beyond the time for changes."""

    def move():
        seconds = django_settings.WALL_EDIT_SECONDS + 1
        later = timezone.now() + timedelta(seconds=seconds)
        monkeypatch.setattr(timezone, "now", lambda: later)

    return move


def heading(html):
    return re.search("<h1>(.*?)</h1>", html)[1]


def test_after_posting_the_page_shows_the_way_to_the_receipt(receipt, page):
    html = page()
    assert "Thank you for your message." in html
    assert f'href="{receipt}"' in html


def test_another_browser_is_shown_no_receipt(receipt, client, page):
    client.cookies.clear()
    assert "/receipts/" not in page()
    assert "Your messages" not in page()


def test_earlier_receipts_stay_at_hand(receipt, post, page, after_the_window):
    post("another")
    assert page().count("/receipts/") == 2
    after_the_window()
    html = page()
    assert "Thank you" not in html
    assert html.count("/receipts/") == 2


def test_the_receipt_is_private(receipt, client):
    response = client.get(receipt)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert response["X-Robots-Tag"] == "noindex"
    assert 'name="robots" content="noindex"' in response.text
    assert not response.cookies


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: re.sub(r"-(\d+)\.", lambda m: f"-{int(m[1]) + 1}.", token),
        lambda token: token.partition(".")[0],
        lambda token: "x",
        lambda token: "1-1." + "A" * 43,
    ],
)
def test_a_guessed_token_is_404(receipt, client, change):
    token = receipt.split("/")[2]
    assert client.get(f"/receipts/{change(token)}/").status_code == 404


def test_a_message_that_got_a_number_again_is_not_the_authors(receipt, client):
    message = Message.objects.get()
    number = message.pk
    message.delete()
    Message.objects.create(pk=number, content="somebody else's")
    response = client.get(receipt)
    assert response.status_code == 410
    assert "somebody" not in response.text


@pytest.mark.parametrize(
    ("status", "reason", "state", "told"),
    [
        ("published", "", "Your message is on the wall", ""),
        (
            "held",
            "",
            "Your message waits for a moderator",
            "once a moderator publishes",
        ),
        ("held", "reports", "Your message waits for a moderator", "Several visitors"),
        (
            "hidden",
            "",
            "Your message was taken off the wall",
            "A moderator decided so.",
        ),
        ("hidden", "Off topic", "Your message was taken off the wall", "Off topic"),
        ("withdrawn", "", "You withdrew your message", ""),
    ],
)
def test_it_tells_state_and_reason(receipt, client, status, reason, state, told):
    Message.objects.update(status=status, reason=reason)
    html = client.get(receipt).text
    assert heading(html) == state
    assert told in html
    assert "My words" in html


def test_a_held_post_leads_to_its_receipt(client, db):
    WallState.objects.update_or_create(pk=1, defaults={"mode": "all"})
    response = client.post("/", {"content": "hold me"})
    assert response["Location"].startswith("/receipts/")
    assert "waits for a moderator" in client.get(response["Location"]).text


def test_an_edit_shows_at_once_and_is_marked(act, page):
    page()
    response = act("edit", content="Better words", author_name="Ada L.")
    assert response.status_code == 303
    html = page()
    assert "Better words" in html
    assert "Ada L." in html
    assert "My words" not in html
    assert '<span class="edited">edited</span>' in html


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Write something first."),
        ("x" * 1001, "This has 1001 characters"),
        ("a\x00b", "characters that cannot be shown"),
    ],
)
def test_an_edit_passes_the_rules_of_a_post(act, page, content, told):
    response = act("edit", content=content, author_name="Bob")
    assert response.status_code == 422
    assert told in response.text
    assert 'value="Bob"' in response.text
    assert "My words" in page()


def test_an_edit_of_a_held_message_leaves_it_held(act, page):
    Message.objects.update(status="held")
    assert act("edit", content="Better words").status_code == 303
    assert Message.objects.get().content == "Better words"
    assert Message.objects.get().status == "held"
    assert "Better words" not in page()


def test_what_a_moderator_kept_is_looked_at_anew_when_edited(act):
    Message.objects.update(is_kept=True)
    act("edit", content="Worse words")
    assert not Message.objects.get().is_kept


@pytest.mark.parametrize("status", ["hidden", "withdrawn"])
def test_what_is_off_the_wall_cannot_be_edited_and_the_text_is_kept(act, status):
    Message.objects.update(status=status)
    response = act("edit", content="Sneaky words")
    assert response.status_code == 409
    assert "This cannot be done any more" in response.text
    assert "Sneaky words</textarea>" in response.text
    assert Message.objects.get().content == "My words"
    assert Message.objects.get().status == status


def test_withdrawn_is_off_every_page_and_undone_is_back(act, page, client):
    page()
    assert act("withdraw").status_code == 303
    assert "My words" not in page()
    assert client.get(f"/messages/{Message.objects.get().pk}/").status_code == 404
    assert act("undo").status_code == 303
    assert "My words" in page()


def test_undoing_never_raises_a_state(act):
    Message.objects.update(status="held")
    act("withdraw")
    act("undo")
    assert Message.objects.get().status == "held"


def test_what_is_hidden_while_withdrawn_stays_off_the_wall(act, client, receipt):
    act("withdraw")
    assert Message.objects.all().hide() == 1
    assert act("undo").status_code == 409
    assert 'value="undo"' not in client.get(receipt).text
    assert Message.objects.get().status == "withdrawn"


def test_what_is_reported_while_withdrawn_comes_back_held(act):
    act("withdraw")
    Message.objects.all().hold("reports")
    assert act("undo").status_code == 303
    assert Message.objects.get().status == "held"


def test_what_a_moderator_hid_cannot_be_withdrawn_and_undone_onto_the_wall(act):
    Message.objects.update(status="hidden")
    assert act("withdraw").status_code == 409
    assert act("undo").status_code == 409
    assert Message.objects.get().status == "hidden"


def test_withdrawn_by_a_moderators_database_is_not_undone(act):
    Message.objects.update(status="withdrawn")
    assert act("undo").status_code == 409


@pytest.mark.parametrize("action", ["withdraw", "undo", "erase"])
def test_pressing_twice_is_pressing_once(act, action):
    if action == "undo":
        act("withdraw")
    assert [act(action).status_code for _ in range(2)] == [303, 303]


@pytest.mark.parametrize("action", ["edit", "withdraw"])
def test_after_the_window_nothing_changes_and_the_link_tells_on(
    act, action, client, receipt, after_the_window
):
    after_the_window()
    assert act(action, content="Late words").status_code == 409
    assert Message.objects.get().content == "My words"
    html = client.get(receipt).text
    assert heading(html) == "Your message is on the wall"
    assert "The time for changing it is over" in html
    assert 'value="withdraw"' not in html


def test_a_withdrawal_cannot_be_undone_after_the_window(act, after_the_window):
    act("withdraw")
    after_the_window()
    assert act("undo").status_code == 409


def test_it_lists_what_is_stored(receipt, client):
    html = unescape(client.get(receipt).text)
    assert "What this wall stores about this message" in html
    assert "A code made from your network address" in html


def test_erased_is_gone_from_everywhere(act, receipt, client, page, after_the_window):
    page()
    after_the_window()  # which it may be at any time
    assert act("erase").status_code == 303
    assert not Message.objects.exists()
    assert "My words" not in page()
    gone = client.get(receipt)
    assert gone.status_code == 410
    assert heading(gone.text) == "This message was erased"
    assert "/receipts/" not in page()  # the cookie has forgotten it too


def test_what_was_erased_can_be_posted_again(act, post, page):
    act("erase")
    assert post("My words", author_name="Ada").status_code == 303
    assert "My words" in page()


@pytest.mark.parametrize("action", ["edit", "withdraw", "undo", "erase"])
def test_another_site_cannot_press_the_buttons(act, action):
    response = act(action, content="Theirs", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert "This was sent from another site." in response.text
    message = Message.objects.get()
    assert (message.content, message.status) == ("My words", "published")


def test_a_button_nobody_offers_is_told(act):
    assert act("promote").status_code == 400


def test_looks_at_receipts_have_a_rate(receipt, client, settings):
    settings.RATES = {**settings.RATES, "receipt": settings.RATES["report"]}
    statuses = [client.get(receipt).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert client.get(receipt)["Retry-After"]


def test_what_is_sent_to_receipts_has_a_rate_and_the_text_is_kept(
    receipt, client, settings
):
    settings.RATES = {**settings.RATES, "attempt": settings.RATES["report"]}
    for _ in range(10):
        client.post(receipt, {"action": "withdraw"})
    refused = client.post(receipt, {"action": "edit", "content": "kept words"})
    assert refused.status_code == 429
    assert "kept words</textarea>" in refused.text


def test_with_the_database_away_the_edited_text_is_kept(act, database_away):
    with database_away():
        response = act("edit", content="Kept words")
    assert response.status_code == 503
    assert "Kept words</textarea>" in response.text
    assert response["Retry-After"]


def test_the_receipt_tells_when_a_change_was_saved(act, client, receipt):
    assert "Your last change was saved" not in client.get(receipt).text
    act("edit", content="Better words")
    assert "Your last change was saved on <time" in client.get(receipt).text


def test_with_the_database_away_nothing_keeps_the_answer(
    receipt, client, database_away
):
    with database_away():
        response = client.get(receipt)
    assert (response.status_code, response["Cache-Control"]) == (503, "no-store")


def test_a_repeated_post_of_an_edited_message_is_a_new_one(act, post):
    act("edit", content="Better words")
    post("My words", author_name="Ada", form_key=form_key.new())
    assert Message.objects.count() == 2


def test_tokens_outlive_a_change_of_the_secret_key(receipt, client, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert client.get(receipt).status_code == 200


def test_a_token_is_of_one_message(make_message):
    first, second = make_message("a"), make_message("b")
    assert receipts.token(first.cursor) != receipts.token(second.cursor)
    assert receipts.read(receipts.token(first.cursor)) == first.cursor
