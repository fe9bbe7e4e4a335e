"""Signing in to the desk: how often it may be tried, and from where.

Who guesses may come from many addresses, or try many names: attempts are counted for each
sender, for each name, and for all. With that alone a stranger could use up what a name
may be tried, and keep its owner out. So a browser from which that account has signed in
before has a signed cookie that says so, and an own count, which no stranger reaches.
"""

import logging
import secrets
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from messages_app import second_factor, senders, throttle
from messages_app.views.requests import Refused, too_many

logger = logging.getLogger(__name__)
COOKIE = "known"
SALT = "messages_app.sign_in"
SECONDS = 180 * 86_400  # a browser stays known


class SignInForm(AdminAuthenticationForm):
    """Name, password and code, which are looked at only so often."""

    code = forms.CharField(
        label=_("Code from your app, if you use one"),
        required=False,
        max_length=32,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autocapitalize": "none"}
        ),
    )
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        # Whatever is wrong: who guesses is not told that the password was right.
        "invalid_login": _(
            "This is not right. Check name and password, and the code, if you use one: "
            "each counts once, and after a wrong one wait for the next."
        ),
        "no_device": _(
            "Signing in needs a code here, and your account has no device for one. Ask "
            "a superuser to add it; the very first is made by manage.py addstatictoken."
        ),
    }
    refusal: Refused | None = None

    def clean(self) -> dict[str, Any]:
        if not {"username", "password"} <= self.cleaned_data.keys():
            return self.cleaned_data  # something is missing: no attempt
        try:
            taken = take(self.request, self.cleaned_data["username"])  # type: ignore[arg-type]
        except throttle.TooMany as error:
            self.refusal = too_many(error)
            raise ValidationError(self.refusal.reason, code="too_many") from error
        try:
            super().clean()
        except ValidationError:
            # Neither the name, which may be a mistyped password, nor an address.
            logger.warning("Somebody failed to sign in.")
            raise
        except DatabaseError:
            taken.give_back()
            raise
        taken.give_back()
        return self.cleaned_data

    def confirm_login_allowed(self, user: User) -> None:
        """Raise ValidationError for one who is not staff or lacks the second factor."""
        super().confirm_login_allowed(user)
        code = self.cleaned_data.get("code", "")
        try:
            device = second_factor.find_device(user, code)
        except second_factor.NoDevice as error:
            if settings.ADMIN_TWO_FACTOR:
                told = self.error_messages["no_device"]
                raise ValidationError(told, code="no_device") from error
            return
        if device is None:
            raise self.get_invalid_login_error()
        user.otp_device = device  # type: ignore[attr-defined]


def take(request: HttpRequest, name: str) -> throttle.Taken:
    """Count an attempt to sign in by this name; raise TooMany."""
    account = account_of(name)
    if browser := known_browser(request, account):
        return throttle.take("sign-in from a known browser", browser)
    return throttle.take("sign-in", senders.find(request), account)


def account_of(name: str) -> bytes:
    """Return what attempts by this name are counted under: not the name itself."""
    return salted_hmac(SALT, name.casefold(), algorithm="sha256").digest()[:16]


def known_browser(request: HttpRequest, account: bytes) -> bytes:
    """Return what names this browser if the account has signed in from it before."""
    told = request.get_signed_cookie(COOKIE, "", salt=SALT, max_age=SECONDS) or ""
    known, _, browser = told.partition(".")
    return bytes.fromhex(browser) if known == account.hex() else b""


def remember_browser(response: HttpResponse, name: str) -> None:
    """Give the browser a cookie that tells which account signed in from it."""
    response.set_signed_cookie(
        COOKIE,
        f"{account_of(name).hex()}.{secrets.token_hex(8)}",
        salt=SALT,
        max_age=SECONDS,
        path=f"/{settings.ADMIN_PATH}",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
