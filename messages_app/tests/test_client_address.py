import pytest

from messages_app import client_address


@pytest.fixture
def address(rf, settings):
    """Return a function that gives the address the wall sees in a request."""

    def find(remote="172.18.0.5", forwarded=None, trusted=0):
        settings.TRUSTED_PROXIES = trusted
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        request = rf.get("/", headers=headers, REMOTE_ADDR=remote)
        return str(client_address.find(request))

    return find


def test_without_a_trusted_proxy_no_header_counts(address):
    assert address(forwarded="192.0.2.9") == "172.18.0.5"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "192.0.2.9, 198.51.100.7", "198.51.100.7"),
        (2, "192.0.2.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (1, ", ".join(["192.0.2.9"] * 500 + ["198.51.100.7"]), "198.51.100.7"),
        (1, "2001:db8::7", "2001:db8::7"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "198.51.100.7:5678", "198.51.100.7"),  # as some proxies write it
        (1, "[2001:db8::7]:443", "2001:db8::7"),
        (1, "[2001:db8::7]", "2001:db8::7"),
    ],
)
def test_it_is_what_the_outermost_trusted_proxy_saw(address, trusted, forwarded, seen):
    assert address(forwarded=forwarded, trusted=trusted) == seen


@pytest.mark.parametrize("forwarded", [None, "", ",", "198.51.100.7"])
def test_a_request_that_came_past_the_proxies_is_its_own_word(address, forwarded):
    assert address(forwarded=forwarded, trusted=2) == "172.18.0.5"


@pytest.mark.parametrize("nonsense", ["unknown", "1.2:80", "[x]", "<script>", "1.2"])
def test_what_is_no_address_is_none(address, nonsense):
    assert address(forwarded=nonsense, trusted=1) == "None"
    assert address(remote="") == "None"


@pytest.mark.parametrize(
    ("remote", "is_told"),
    [("127.0.0.1", True), ("192.168.1.9", True), ("::1", True), ("8.8.8.8", False)],
)
def test_who_asks_from_nearby_is_told_where_names_are_listed(client, remote, is_told):
    response = client.get("/", headers={"Host": "wall.lan:80"}, REMOTE_ADDR=remote)
    assert response.status_code == 400
    assert "This address does not work" in response.text
    assert ("ALLOWED_HOSTS=localhost,wall.lan<" in response.text) is is_told


def test_a_name_that_is_none_is_not_repeated(client):
    response = client.get("/", headers={"Host": "<b>&"}, REMOTE_ADDR="127.0.0.1")
    assert response.status_code == 400
    assert "ALLOWED_HOSTS" not in response.text
