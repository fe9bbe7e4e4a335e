"""Signing in with a code from an app, or with a recovery code."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

DEVICES = "/admin/otp_totp/totpdevice/"
LISTS = "/admin/otp_static/staticdevice/"


@pytest.fixture
def moderator(django_user_model, db):
    return django_user_model.objects.create_user("Mo", password="right", is_staff=True)


@pytest.fixture
def phone(moderator):
    return TOTPDevice.objects.create(user=moderator, name="phone")


@pytest.fixture
def sign_in(moderator):
    """Return a function that tries to sign in from a new browser, and returns it."""

    def send(code="", password="right"):
        client = Client()
        form = {"username": "Mo", "password": password, "code": code}
        client.answer = client.post("/admin/login/", form)
        return client

    return send


def is_in(client):
    return client.get("/admin/").status_code == 200


def code_of(device, steps=0):
    """Return what the app shows now, or some steps of 30 seconds later."""
    device.refresh_from_db()
    app = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    app.time = timezone.now().timestamp() + 30 * steps
    return f"{app.token():06}"


def calm(device):
    """Let so much time pass that a device takes codes again."""
    device.refresh_from_db()
    device.throttling_failure_timestamp -= timedelta(days=1)
    device.save()


def test_who_has_a_device_comes_in_with_its_code(sign_in, phone):
    code = code_of(phone)
    assert is_in(sign_in(f"{code[:3]} {code[3:]}"))


def test_a_wrong_or_missing_code_is_told_like_a_wrong_password(sign_in, phone):
    told = [
        sign_in(code, password)
        for code, password in [
            ("", "wrong"),
            ("", "right"),
            ("abc", "right"),
            ("²", "right"),
        ]
    ]
    notes = [re.search(r'"errornote">(.*?)<', c.answer.text)[1] for c in told]
    assert notes[0].startswith("This is not right.")
    assert len(set(notes)) == 1
    assert not any(is_in(client) for client in told)


def test_a_code_counts_once(sign_in, phone):
    code = code_of(phone)
    assert is_in(sign_in(code))
    assert not is_in(sign_in(code))


def test_after_a_wrong_code_the_next_is_not_looked_at_for_a_while(sign_in, phone):
    wrong = f"{(int(code_of(phone)) + 500_000) % 1_000_000:06}"
    assert not is_in(sign_in(wrong))
    TOTPDevice.objects.filter(throttling_failure_count=1).update(
        throttling_failure_count=9  # in a row: 256 seconds
    )
    assert not is_in(sign_in(code_of(phone)))
    calm(phone)
    assert is_in(sign_in(code_of(phone)))


def test_a_missing_code_is_no_guess(sign_in, phone):
    sign_in("")
    assert is_in(sign_in(code_of(phone)))


def test_who_uses_one_of_two_devices_does_not_wear_out_the_other(
    sign_in, phone, moderator
):
    tablet = TOTPDevice.objects.create(user=moderator, name="tablet")
    assert is_in(sign_in(code_of(tablet)))
    assert is_in(sign_in(code_of(phone)))
    phone.refresh_from_db()
    tablet.refresh_from_db()
    assert not phone.throttling_failure_count + tablet.throttling_failure_count


def test_anothers_code_is_none(sign_in, phone, django_user_model):
    other = django_user_model.objects.create_user("Eve", is_staff=True)
    assert not is_in(sign_in(code_of(TOTPDevice.objects.create(user=other, name="x"))))


def test_a_device_that_is_not_confirmed_is_not_asked_for(sign_in, phone):
    TOTPDevice.objects.update(confirmed=False)
    assert is_in(sign_in())


def test_a_recovery_code_counts_once(sign_in, phone, capsys):
    call_command("addstatictoken", "Mo")
    code = capsys.readouterr().out.strip()
    assert is_in(sign_in(code))
    assert not is_in(sign_in(code))


def test_without_a_device_nothing_is_asked_unless_all_must_have_one(sign_in, settings):
    assert is_in(sign_in())
    settings.ADMIN_TWO_FACTOR = True
    client = sign_in("123456")
    assert "Ask a superuser to add it" in client.answer.text
    assert not is_in(client)
    assert "Ask a superuser" not in sign_in(password="wrong").answer.text


def test_where_all_must_have_one_a_session_without_is_out(
    sign_in, settings, capsys, moderator
):
    before = sign_in()
    settings.ADMIN_TWO_FACTOR = True
    assert not is_in(before)
    call_command("addstatictoken", "Mo")
    client = sign_in(capsys.readouterr().out.strip())
    assert is_in(client)
    StaticDevice.objects.all().delete()
    assert not is_in(client)


def test_a_superuser_adds_a_device_and_shows_its_qr_code(
    admin_client, moderator, sign_in, settings
):
    form = {"user": moderator.pk, "name": "phone", "confirmed": "on"}
    shown = admin_client.post(f"{DEVICES}add/", form, follow=True)
    device = TOTPDevice.objects.get()
    assert "otpauth://totp/Message%20Wall%3AMo?secret=" in shown.text
    assert "From now on each sign-in of this account asks for a code" in shown.text
    assert '<a href="/admin/otp_static/staticdevice/add/">' in shown.text
    [picture] = re.findall(r'<img class="qrcode" src="(.*?)"', shown.text)
    answer = admin_client.get(picture)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert "no-store" in answer["Cache-Control"]
    assert answer.content.count(b"<path") == 1
    assert not is_in(sign_in())
    assert is_in(sign_in(code_of(device)))


def test_a_superuser_makes_a_list_of_recovery_codes(admin_client, moderator, sign_in):
    form = {"user": moderator.pk, "name": "paper", "confirmed": "on"}
    shown = admin_client.post(f"{LISTS}add/", form, follow=True)
    codes = StaticDevice.objects.get().token_set.values_list("token", flat=True)
    assert len(codes) == 10
    assert all(code in shown.text for code in codes)
    assert is_in(sign_in(codes[3]))


@pytest.mark.parametrize("list_", [DEVICES, LISTS])
def test_a_list_of_devices_takes_no_question_but_its_filter(admin_client, list_):
    assert admin_client.get(f"{list_}?confirmed__exact=1").status_code == 200
    assert admin_client.get(f"{list_}?name__regex=(").status_code == 400


def test_a_device_is_of_staff(admin_client, django_user_model, moderator):
    django_user_model.objects.create_user("Nobody of staff")
    html = admin_client.get(f"{DEVICES}add/").text
    assert "Mo</option>" in html
    assert "Nobody of staff" not in html


@pytest.mark.parametrize("page", ["", "add/", "{}/change/", "{}/config/"])
def test_a_key_is_shown_to_superusers_on_the_page_of_its_qr_code_alone(
    admin_client, client, moderator, phone, page
):
    address = DEVICES + page.format(phone.pk)
    html = admin_client.get(address).text
    assert phone.key not in html
    assert ("secret=" in html) == ("config" in page)
    client.force_login(moderator)
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("page", ["config", "qrcode"])
def test_a_device_that_is_not_there_is_404(admin_client, page):
    assert admin_client.get(f"{DEVICES}99/{page}/").status_code == 404


@pytest.mark.parametrize("code", ["x" * 33, "\0", "9" * 32, "٣٣٣٣٣٣", "\ud7ff"])
def test_no_code_is_a_500(sign_in, phone, code):
    assert sign_in(code).answer.status_code == 200
