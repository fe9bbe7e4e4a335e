"""What is said of every page, and of one that cannot do without a database that is away."""

import logging
from collections.abc import Callable

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from psycopg.errors import ReadOnlySqlTransaction

logger = logging.getLogger(__name__)


class ConstantPolicy(CSPMiddleware):
    """django-csp's policy, put together once and not for each page.

    It has neither a nonce nor an exception for any view: nothing here is inline. Doing it
    anew was a third of what Django costs for an empty page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self.policy = build_policy()

    def process_request(self, request: HttpRequest) -> None:
        """Offer no nonce."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if settings.DEBUG:  # whose own pages of errors are exempt
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self.policy)
        return response


class DatabaseAway:
    """Answers 503 where a view fails for want of a database: the admin, for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        is_away = isinstance(exception, OperationalError | InterfaceError)
        # As a replica is, whose primary is gone. To Django that is an internal error.
        is_read_only = isinstance(exception.__cause__, ReadOnlySqlTransaction)
        if not is_away and not is_read_only:
            return None
        logger.error("%s cannot be shown: %s", request.path, exception)
        response = render(request, "503.html", status=503)
        response["Retry-After"] = "10"  # seconds
        response["Cache-Control"] = "no-store"
        return response
