"""Whether a post comes from a page of this wall, told without a cookie.

Reading and posting need no cookie, so there is no CSRF token to compare. The browser
itself says where a request comes from; see the Fetch Metadata and Origin headers.
"""

from django.conf import settings
from django.http import HttpRequest


def is_same_origin(request: HttpRequest) -> bool:
    """Return False for a post that another site's page sent through a visitor's browser.

    Raises DisallowedHost when the Host header names none of ALLOWED_HOSTS.
    """
    origin = request.headers.get("Origin", "")
    if origin and origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    if site := request.headers.get("Sec-Fetch-Site"):
        # "none" is the visitor's own act, as when a form is sent again after a restart.
        return site in {"same-origin", "none"}
    if origin:
        # "null", which a sandboxed page sends, has no host and matches nothing.
        host = origin.partition("://")[2]
        return host.lower() == request.get_host().lower()
    # Neither header: not a browser, so it carries nobody's authority but its own.
    return True
