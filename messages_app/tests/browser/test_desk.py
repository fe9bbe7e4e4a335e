"""The moderators' desk in a browser: under the same policy, on any screen."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from messages_app.models import WallState
from messages_app.tests.browser.conftest import DESKTOP
from messages_app.tests.browser.judges import DJANGO, check_page, check_width

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def superuser(wall):
    user = get_user_model().objects.create_superuser("Ada", password="engine")
    WallState.objects.current()
    yield user
    user.delete()
    WallState.objects.all().delete()


@pytest.fixture
def phone(superuser):
    return TOTPDevice.objects.create(user=superuser, name="phone")


def sign_in(page, code=""):
    page.goto("/admin/")
    # By their names: what is written beside them is in the browser's language.
    page.fill("[name=username]", "Ada")
    page.fill("[name=password]", "engine")
    page.fill("[name=code]", code)
    page.click("[type=submit]")
    page.wait_for_url("**/admin/")


def code_of(device):
    app = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    app.time = timezone.now().timestamp()
    return f"{app.token():06}"


def addresses(message, user, device):
    """Return each page of the desk: lists, add pages, one row of a kind, and the rest."""
    for model, its_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        if its_admin.has_add_permission.__qualname__.startswith("BaseModelAdmin"):
            yield reverse(f"{name}_add")
    yield reverse("admin:messages_app_message_change", args=[message.pk])
    yield reverse("admin:messages_app_message_delete", args=[message.pk])
    yield reverse("admin:auth_user_change", args=[user.pk])
    yield reverse("admin:auth_user_password_change", args=[user.pk])
    yield reverse("admin:otp_totp_totpdevice_change", args=[device.pk])
    yield reverse("admin:otp_totp_totpdevice_config", args=[device.pk])
    yield reverse("admin:password_change")
    yield reverse("admin:index")


def test_no_page_of_the_desk_breaks_the_policy(
    browse, make_message, superuser, phone, faults
):
    page = browse()
    policies = []
    page.on(
        "response",
        lambda answer: policies.append(answer.header_value("content-security-policy")),
    )
    sign_in(page, code_of(phone))
    seen = list(addresses(make_message(), superuser, phone))
    assert len(seen) > 15
    for address in seen:
        answer = page.goto(address)
        page.wait_for_load_state()
        assert (answer.status, faults) == (200, []), address
    assert all("unsafe" not in policy for policy in policies if policy)


def test_who_has_a_device_signs_in_with_its_code_and_out_again(browse, phone):
    page = browse()
    page.goto("/admin/")
    page.fill("[name=username]", "Ada")
    page.fill("[name=password]", "engine")
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("This is not right.").wait_for()
    sign_in(page, code_of(phone))
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("Logged out").wait_for()
    page.goto("/admin/")
    assert page.url.endswith("/admin/login/?next=/admin/")


def test_a_new_device_shows_its_qr_code(browse, superuser):
    page = browse()
    sign_in(page)
    page.goto("/admin/otp_totp/totpdevice/add/")
    page.get_by_label("User").select_option(label="Ada")
    page.get_by_label("Name").fill("phone")
    page.get_by_role("button", name="Save", exact=True).click()
    picture = page.get_by_role("img", name="QR code of this device")
    picture.wait_for()
    page.wait_for_load_state()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 20")
    assert page.get_by_text(re.compile("otpauth://totp/.*secret=[A-Z2-7]{32}")).count()


def test_the_mode_is_switched_and_the_valve_opened(browse, superuser):
    page = browse()
    sign_in(page)
    WallState.objects.update(valve_mode="all", valve_at=timezone.now())
    page.reload()
    page.get_by_role("link", name="Hold all until a moderator publishes it").click()
    page.get_by_role("button", name="Open the valve now").click()
    page.get_by_text("The valve is open").wait_for()
    assert WallState.objects.get().valve_mode == ""
    page.get_by_label("Open: only the moderators' own rules hold a message").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/**")
    page.goto("/admin/")
    assert page.get_by_text("The wall's mode: Open: only").count() == 1


# The pages of the desk that are ours, and not Django's own.
OURS = {
    "desk-sign-in": "/admin/login/",
    "desk-index": "/admin/",
    "desk-mode": "/admin/messages_app/wallstate/1/change/",
    "desk-rule": "/admin/messages_app/rule/add/",
    "desk-qr-code": "/admin/otp_totp/totpdevice/{}/config/",
}


@pytest.fixture(params=OURS)
def ours(request, phone):
    """Return a function that leads a page to one of them."""
    address = OURS[request.param].format(phone.pk)

    def arrive(page):
        if "login" not in address:
            sign_in(page, code_of(phone))
            WallState.objects.update(valve_mode="all", valve_at=timezone.now())
        page.goto(address)

    arrive.name = request.param
    return arrive


def test_a_phone_is_wide_enough_and_axe_finds_no_violation(browse, ours):
    page = browse(viewport=PHONE)
    ours(page)
    check_width(page)
    check_page(page, but=DJANGO)


@pytest.mark.parametrize(
    ("look", "options"),
    [
        ("desktop", {"viewport": DESKTOP}),
        ("phone", {"viewport": PHONE}),
        ("dark", {"viewport": PHONE, "color_scheme": "dark"}),
        ("arabic", {"viewport": PHONE, "locale": "ar"}),
    ],
)
def test_our_pages_of_the_desk_have_their_pictures(browse, ours, shoot, look, options):
    page = browse(device_scale_factor=2, **options)
    ours(page)
    shoot(page, f"{ours.name}-{look}")
