"""The second factor of a sign-in: a code from an app, or a recovery code."""

from django.contrib.auth.models import User
from django.db import transaction
from django_otp import devices_for_user, user_has_device
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice


class NoDevice(Exception):
    """The account has no device by which it could give a code."""


def find_device(user: User, code: str) -> Device | None:
    """Return the device of the account whose code this is; None if it is of none.

    Raises NoDevice. A device that was shown a wrong code takes none for a second, and
    for twice as long each time after.
    """
    if not user_has_device(user):
        raise NoDevice
    code = "".join(code.split())  # an app shows it as 123 456
    shown: list[Device] = []
    with transaction.atomic():
        for device in devices_for_user(user, for_verify=True) if code else ():
            # An app's are digits, recovery codes hold letters.
            if isinstance(device, StaticDevice) == code.isdigit():
                continue
            if device.verify_token(code):
                for other in shown:  # it was not meant for these
                    other.throttle_reset()
                return device
            shown.append(device)
    return None
