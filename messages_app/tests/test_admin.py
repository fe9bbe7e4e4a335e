import re

import pytest
from django.contrib.auth.models import Permission

from messages_app.models import Message

LIST = "/admin/messages_app/message/"


@pytest.fixture
def act(admin_client, django_capture_on_commit_callbacks):
    """Return a function that ticks messages in the list and runs an action on them."""

    def run(action, *messages, **more):
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(
                LIST,
                {
                    "action": action,
                    "_selected_action": [m.pk for m in messages],
                    **more,
                },
                follow=True,
            )

    return run


def test_messages_are_listed_newest_first(admin_client, make_message):
    make_message("older text")
    make_message("newer text", author_name="Ada", status="hidden")
    html = admin_client.get(LIST).text
    assert html.index("newer text") < html.index("older text")
    assert "Ada" in html


def test_messages_are_found_by_text_and_name(admin_client, make_message):
    make_message("needle in here")
    make_message("hay", author_name="Needle")
    make_message("only hay")
    html = admin_client.get(LIST, {"q": "needle"}).text
    assert "needle in here" in html
    assert "Needle" in html
    assert "only hay" not in html


def test_messages_are_filtered_by_status(admin_client, make_message):
    make_message("on the wall")
    make_message("waiting", status="held")
    html = admin_client.get(LIST, {"status__exact": "held"}).text
    assert "waiting" in html
    assert "on the wall" not in html


def test_hiding_reaches_the_wall_at_once(act, make_message, page):
    message = make_message("spam spam")
    assert "spam spam" in page()
    response = act("hide", message)
    assert "1 message hidden." in response.text
    assert "spam spam" not in page()


def test_publishing_reaches_the_wall_at_once(act, make_message, page):
    messages = [make_message(f"good {n}", status="held") for n in range(2)]
    page()
    response = act("publish", *messages)
    assert "2 messages published." in response.text
    assert "good 0" in page()


def test_what_was_withdrawn_stays_withdrawn(act, make_message):
    message = make_message(status="withdrawn")
    assert "0 messages published." in act("publish", message).text
    assert "0 messages hidden." in act("hide", message).text


def test_a_search_can_be_acted_on(act, make_message, page):
    message = make_message("needle")
    assert "1 message hidden." in act("hide", message).text
    assert "needle" not in page()


def test_the_change_page_sets_the_status_and_nothing_else(
    admin_client, make_message, page, django_capture_on_commit_callbacks
):
    message = make_message("mine", author_name="Ada")
    page()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(
            f"{LIST}{message.pk}/change/",
            {
                "status": "hidden",
                "content": "rewritten",
                "author_name": "Eve",
                "reports-TOTAL_FORMS": 0,
                "reports-INITIAL_FORMS": 0,
            },
        )
    message.refresh_from_db()
    assert (message.content, message.author_name, message.status) == (
        "mine",
        "Ada",
        "hidden",
    )
    assert "mine" not in page()


@pytest.fixture
def decide(admin_client, django_capture_on_commit_callbacks):
    """Return a function that sets a status in the form as it was shown."""

    def send(message, status, *, seen=""):
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(
                f"{LIST}{message.pk}/change/",
                {
                    "status": status,
                    "edited_at_seen": seen,
                    "reports-TOTAL_FORMS": 0,
                    "reports-INITIAL_FORMS": 0,
                },
                follow=True,
            ).text

    return send


def test_a_decision_keeps_what_its_author_did_meanwhile(make_message, decide):
    message = make_message("harmless", status="held")
    Message.objects.all().edit(content="changed", author_name="")
    html = decide(message, "published")
    assert "Its author changed the message meanwhile." in html
    message.refresh_from_db()
    assert (message.content, message.status) == ("changed", "held")


def test_a_decision_on_an_edited_text_that_was_seen_counts(
    make_message, decide, admin_client
):
    message = make_message("first", status="held")
    Message.objects.all().edit(content="second", author_name="")
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    seen = re.search(r'name="edited_at_seen" value="([^"]+)"', html)[1]
    decide(message, "published", seen=seen)
    message.refresh_from_db()
    assert (message.status, message.is_kept) == ("published", True)


def test_a_withdrawn_message_cannot_be_changed(admin_client, make_message):
    message = make_message(status="withdrawn")
    admin_client.post(f"{LIST}{message.pk}/change/", {"status": "published"})
    message.refresh_from_db()
    assert message.status == "withdrawn"


def test_nobody_withdraws_for_the_author(admin_client, make_message):
    message = make_message()
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    assert 'value="withdrawn"' not in html


def test_messages_are_not_written_in_admin(admin_client):
    assert admin_client.get(f"{LIST}add/").status_code == 403


def test_deleting_in_admin_reaches_the_wall(act, make_message, page):
    message = make_message("to be deleted")
    page()
    act("delete_selected", message, post="yes")
    assert "to be deleted" not in page()


def test_who_may_only_look_may_not_hide(client, make_message, django_user_model):
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(user)
    message = make_message("stays")
    client.post(LIST, {"action": "hide", "_selected_action": [message.pk]})
    message.refresh_from_db()
    assert message.status == "published"


@pytest.mark.parametrize(
    "query", ["", "q=x", "status__exact=held", "p=2", "all=", "q=x&p=2"]
)
def test_the_list_never_counts_the_table(
    admin_client, db, query, django_assert_num_queries
):
    Message.objects.bulk_create(
        Message(content=f"x {n}", status="held") for n in range(250)
    )
    with django_assert_num_queries(4) as queries:  # session, user, page's end, page
        html = admin_client.get(f"{LIST}?{query}").text
    assert not [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    assert html.count('name="_selected_action"') == 100
    assert not re.search(r"\b(101|201|250) (results?|messages?)", html)


def test_the_last_page_is_reached_page_by_page(admin_client, db):
    Message.objects.bulk_create(Message(content=f"x {n}") for n in range(250))
    html = admin_client.get(f"{LIST}?p=3").text
    assert html.count('name="_selected_action"') == 50
    assert "?p=4" not in html
    assert "?p=2" in html


@pytest.mark.parametrize("number", ["3", "99", "1000001"])
def test_a_page_beyond_the_end_is_not_the_whole_table(admin_client, db, number):
    Message.objects.bulk_create(Message(content=f"x {n}") for n in range(150))
    response = admin_client.get(f"{LIST}?p={number}", follow=True)
    assert response.status_code == 200
    assert response.text.count('name="_selected_action"') <= 100


@pytest.mark.parametrize(
    "question",
    [
        "status__exact=%00",
        "status__exact=x",
        "content__regex=(",
        "post_digest__exact=x",
    ],
)
def test_no_question_but_the_filters_is_taken_from_an_address(
    admin_client, db, question
):
    response = admin_client.get(f"{LIST}?{question}")
    assert response.status_code == 400


@pytest.mark.parametrize("number", ["0", "-1", "x", "99", "٣", "+2", "9" * 30])
def test_a_page_that_is_not_there_is_no_500(admin_client, make_message, number):
    make_message()
    assert admin_client.get(f"{LIST}?p={number}", follow=True).status_code == 200


def test_admin_needs_a_login(client, db):
    assert client.get(LIST).status_code == 302


def test_a_forged_login_form_is_a_403_in_the_walls_own_look(db):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x"})
    assert response.status_code == 403
    assert "This is not open to you" in response.text


@pytest.mark.parametrize("address", ["/admin/", "/admin/messages_app/message/"])
def test_while_the_database_is_away_the_desk_says_so(
    admin_client, database_away, address
):
    with database_away():
        response = admin_client.get(address)
    assert response.status_code == 503
    assert "The database is away" in response.text
    assert response["Retry-After"] == "10"
