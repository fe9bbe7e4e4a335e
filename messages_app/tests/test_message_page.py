"""One message by its link."""

import pytest


def test_a_message_stands_between_its_neighbours(make_message, page):
    texts = ["oldest", "older", "this one", "newer", "newest"]
    messages = {text: make_message(text) for text in texts}
    html = page(f"/messages/{messages['this one'].pk}/")
    for text in ["this one", "newer", "older"]:
        assert f">{text}</p>" in html
    for text in ["oldest", "newest"]:
        assert f">{text}</p>" not in html


def test_neighbours_of_the_same_instant_are_told_apart(make_message, page):
    first = make_message("a")
    same = {"created_at": first.created_at}
    second, third = make_message("b", **same), make_message("c", **same)
    html = page(f"/messages/{second.pk}/")
    newer, older = html.index(">c</p>"), html.index(">a</p>")
    assert html.index("next newer") < newer < html.index("next older") < older
    assert ">a</p>" not in page(f"/messages/{third.pk}/")


@pytest.mark.parametrize("status", ["held", "hidden", "withdrawn"])
def test_what_is_not_published_is_404_and_nobodys_neighbour(
    make_message, client, page, status
):
    shown = make_message("shown")
    other = make_message("secret", status=status)
    assert client.get(f"/messages/{other.pk}/").status_code == 404
    assert "secret" not in page(f"/messages/{shown.pk}/")


@pytest.mark.parametrize("number", ["0", "9" * 18, "9" * 40, "-1", "x", "٣"])
def test_no_number_is_a_500(client, db, number):
    assert client.get(f"/messages/{number}/").status_code == 404


def test_it_can_be_shared(make_message, page):
    message = make_message("Hello <b> & all", author_name="Ada")
    html = page(f"/messages/{message.pk}/")
    address = f"http://testserver/messages/{message.pk}/"
    assert f'<link rel="canonical" href="{address}">' in html
    assert f'<meta property="og:url" content="{address}">' in html
    assert '<meta property="og:title" content="Ada">' in html
    assert 'property="og:description" content="Hello &lt;b&gt; &amp; all">' in html


def test_the_wall_links_to_it(make_message, page):
    message = make_message()
    assert f'<a class="when" href="/messages/{message.pk}/">' in page()


def test_it_costs_three_queries(make_message, client, django_assert_num_queries):
    message = make_message()
    with django_assert_num_queries(3):
        client.get(f"/messages/{message.pk}/")


def test_with_the_database_away_it_is_503(make_message, client, database_away):
    message = make_message()
    with database_away():
        response = client.get(f"/messages/{message.pk}/")
    assert response.status_code == 503
