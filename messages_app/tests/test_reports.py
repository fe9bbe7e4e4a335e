"""What visitors report, and what many reports do."""

import limits
import pytest

from config.env import Rates
from messages_app.models import Message, Report


@pytest.fixture
def report(client, django_capture_on_commit_callbacks):
    """Return a function that reports a message from an address."""

    def send(message, address="192.0.2.1", headers=None, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(
                f"/messages/{message.pk}/report/",
                {"reason": "spam", **fields},
                headers=headers,
                REMOTE_ADDR=address,
            )

    return send


def test_the_wall_offers_to_report_each_message(make_message, page):
    message = make_message("Buy now")
    assert f'href="/messages/{message.pk}/report/"' in page()
    html = page(f"/messages/{message.pk}/report/")
    assert "Buy now" in html
    assert "What is wrong with it?" in html
    assert html.count('type="radio"') == 5


def test_a_report_is_thanked_for_and_kept(make_message, report, client):
    response = report(make_message(), reason="abuse", note="third line")
    assert response.status_code == 303
    assert "Thank you for your report" in client.get(response["Location"]).text
    stored = Report.objects.get()
    assert (stored.reason, stored.note) == ("abuse", "third line")


def test_one_sender_reports_a_message_once(make_message, report):
    message, other = make_message("a"), make_message("b")
    for _ in range(5):
        assert report(message).status_code == 303
    report(other)
    assert Report.objects.count() == 2
    assert Message.objects.filter(status="published").count() == 2


def test_a_report_from_last_month_is_the_same_senders(make_message, report, rf):
    from messages_app import senders
    from messages_app.models import SenderSalt

    message = make_message()
    month = senders.month_before(
        senders.datetime.now(senders.UTC).date().replace(day=1)
    )
    SenderSalt.objects.create(month=month, salt=b"last")
    request = rf.get("/", REMOTE_ADDR="192.0.2.1")
    names = senders.find_all(request)
    assert len(names) == 2
    Report.objects.create(message=message, sender=names[1], reason="spam")
    report(message)
    assert Report.objects.count() == 1


def test_enough_reports_hold_a_message_at_once(make_message, report, page):
    message = make_message("Buy now")
    page()
    for number in range(2):
        report(message, f"192.0.2.{number}")
        assert "Buy now" in page()
    report(message, "192.0.2.3")
    assert "Buy now" not in page()
    message.refresh_from_db()
    assert (message.status, message.reason) == ("held", "reports")


def test_no_group_takes_down_what_a_moderator_published(make_message, report, page):
    message = make_message("Unwelcome truth", status="held")
    Message.objects.all().publish()
    for number in range(9):
        report(message, f"192.0.2.{number}")
    assert Report.objects.count() == 9
    message.refresh_from_db()
    assert message.status == "published"


def test_no_group_takes_down_what_a_moderator_kept(make_message, report):
    message = make_message("Unwelcome truth")
    assert Message.objects.all().publish() == 1
    for number in range(9):
        report(message, f"192.0.2.{number}")
    message.refresh_from_db()
    assert message.status == "published"


@pytest.mark.parametrize("status", ["hidden", "withdrawn"])
def test_reports_never_raise_a_state(make_message, report, status):
    message = make_message(status=status)
    for number in range(4):
        report(message, f"192.0.2.{number}")
    message.refresh_from_db()
    assert message.status == status


def test_a_report_without_a_reason_is_told(make_message, report):
    response = report(make_message(), reason="", note="my note")
    assert response.status_code == 422
    assert "Choose what is wrong." in response.text
    assert 'value="my note"' in response.text


@pytest.mark.parametrize("note", ["x" * 501, "a\x00b"])
def test_a_bad_note_is_told_and_not_a_500(make_message, report, note):
    assert report(make_message(), note=note).status_code == 422
    assert not Report.objects.exists()


def test_reports_of_the_text_before_an_edit_do_not_count(make_message, report):
    message = make_message("Buy now")
    for number in range(2):
        report(message, f"192.0.2.{number}")
    Message.objects.all().edit(content="Sorry", author_name="")
    report(message, "192.0.2.3")
    message.refresh_from_db()
    assert message.status == "published"


def test_a_report_sent_twice_counts_once(make_message, report, settings):
    settings.RATES = {**settings.RATES, "report": Rates([limits.parse("2/minute")], [])}
    first, second = make_message("a"), make_message("b")
    statuses = [report(message).status_code for message in (first, first, second)]
    assert statuses == [303, 303, 303]


def test_what_is_refused_has_a_rate_too(make_message, report, settings):
    settings.RATES = {
        **settings.RATES,
        "attempt": Rates([limits.parse("2/minute")], []),
    }
    message = make_message()
    statuses = [report(message, reason="").status_code for _ in range(3)]
    assert statuses == [422, 422, 429]


def test_another_site_cannot_report(make_message, report):
    response = report(make_message(), headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert not Report.objects.exists()


def test_reports_have_a_rate_and_the_note_is_kept(make_message, report):
    for number in range(10):
        report(make_message(f"{number}"))
    refused = report(make_message("one more"), note="my note")
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert 'value="my note"' in refused.text


def test_what_is_not_on_the_wall_offers_no_report(make_message, client, report, db):
    hidden = make_message(status="hidden")
    assert client.get(f"/messages/{hidden.pk}/report/").status_code == 404
    hidden.pk = 404_404
    assert report(hidden).status_code == 404


def test_with_the_database_away_the_note_is_kept(make_message, report, database_away):
    message = make_message()
    with database_away():
        response = report(message, note="my note")
    assert response.status_code == 503
    assert 'value="my note"' in response.text


def test_a_moderator_reads_the_reports(make_message, report, admin_client):
    message = make_message()
    report(message, note="look at line three")
    html = admin_client.get(f"/admin/messages_app/message/{message.pk}/change/").text
    assert "look at line three" in html
    assert "It is advertising or spam" in html
