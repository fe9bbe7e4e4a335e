"""The moderators' desk as a whole: its name, and who is let in.

Not in messages_app/admin/, which registers with it: importing this would import that first.
"""

from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.options import TO_FIELD_VAR
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from messages_app import sign_in
from messages_app.models import Message, ModerationBatch, WallState

MOST_COUNTED = 1_000  # of what waits
LATEST_ACTS = 10


class Desk(admin.AdminSite):
    site_header = site_title = settings.WALL_TITLE
    login_form = sign_in.SignInForm
    login_template = "admin/sign_in.html"
    enable_nav_sidebar = False  # the lists need the room

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether this is staff, and by a second factor where one is asked for."""
        is_staff = super().has_permission(request)
        if is_staff and settings.ADMIN_TWO_FACTOR:
            return bool(request.user.is_verified())  # type: ignore[union-attr]
        return is_staff

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse an address that names an empty field, which Django looks for."""
        guarded = super().admin_view(view, cacheable)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "" in (request.GET.get(TO_FIELD_VAR), request.POST.get(TO_FIELD_VAR)):
                raise DisallowedModelAdminToField("It has no name.")
            return guarded(request, *args, **kwargs)

        return checked

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Let staff in; tell who tries too often when to try again."""
        response = super().login(request, extra_context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if refusal := getattr(form, "refusal", None):
            response.status_code = refusal.status
            response["Retry-After"] = refusal.headers["Retry-After"]
        elif request.method == "POST" and response.status_code == 302:
            sign_in.remember_browser(response, request.user.get_username())
        return response

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show what waits, how strictly the wall is moderated, and what was done."""
        context = extra_context or {}
        if request.user.has_perm("messages_app.view_message"):
            count = Message.objects.waiting()[: MOST_COUNTED + 1].count()
            context["waiting"] = min(count, MOST_COUNTED)
            context["is_more_waiting"] = count > MOST_COUNTED
        if request.user.has_perm("messages_app.view_wallstate"):
            context["wall_state"] = WallState.objects.current()
        if request.user.has_perm("messages_app.view_moderationbatch"):
            latest = ModerationBatch.objects.select_related("undoes")
            context["latest_acts"] = latest.order_by("-id")[:LATEST_ACTS]
        return super().index(request, context)
