"""The author's private page: what became of a message, and what may be done with it."""

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from messages_app import receipts, recent_posts, senders, throttle
from messages_app.forms import TextForm
from messages_app.models import Message
from messages_app.moderation import authors, judge
from messages_app.pagination import Cursor
from messages_app.views.requests import (
    BadBody,
    HttpResponseSeeOther,
    Refused,
    bad_request,
    read_form,
    refusals,
    refuse_other_sites,
    refused_by_rule,
    too_many,
)


@csrf_exempt  # refuse_other_sites() does its work, without a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """Tell the state of the message; or edit, withdraw or erase it."""
    try:
        cursor = receipts.read(token)
    except receipts.BadToken as error:
        raise Http404 from error
    if request.method == "POST":
        return change(request, cursor)
    try:
        throttle.take("receipt", senders.find(request))
    except throttle.TooMany as error:
        return show(request, None, refused=too_many(error))
    return show(request, receipts.find(cursor))


def change(request: HttpRequest, cursor: Cursor) -> HttpResponse:
    """Do what the author wants and show the page anew, or say why not."""
    form, refused = None, None
    try:
        with refusals():
            sent = read_form(request)
            if sent.get("action") == "edit":
                form = TextForm(sent)  # which keeps the text, whatever refuses it
            refuse_other_sites(request)
            names = senders.find_all(request)
            throttle.take("attempt", names[0])
            if act(sent.get("action", ""), cursor, form, names):
                response = HttpResponseSeeOther(request.get_full_path())
                if sent["action"] == "erase":
                    recent_posts.forget(request, response, cursor)
                return response
    except BadBody as error:
        return bad_request(request, error)
    except Refused as error:
        refused = error
    try:
        message = receipts.find(cursor)
    except DatabaseError:  # told already
        message = None
    return show(request, message, form=form, refused=refused)


def act(action: str, cursor: Cursor, form: TextForm | None, names: list[bytes]) -> bool:
    """Do it, for a sender of these names; return False for a text that is to be mended.

    Raises Refused for what may not be done, or not any more. Done twice is done.
    """
    rows = Message.objects.at(cursor)
    if form:
        if not form.is_valid():
            return False
        verdict = judge.judge_edit(rows.first(), **form.cleaned_data, senders=names)
        if verdict.status == verdict.REFUSED:
            raise refused_by_rule(verdict)
        is_done = authors.edit(rows, **form.cleaned_data, hold_reason=verdict.reason)
    elif action == "withdraw":
        done_before = rows.filter(status=Message.Status.WITHDRAWN)
        is_done = authors.withdraw(rows) or done_before.exists()
    elif action == "undo":
        done_before = rows.filter(status__in=Message.OPEN)
        is_done = authors.undo_withdrawal(rows) or done_before.exists()
    elif action == "erase":
        authors.erase(rows)
        is_done = True
    else:
        raise Refused(400, "unknown", _("The form was damaged on its way. Try again."))
    if not is_done:
        reason = _(
            "This cannot be done any more: its time is over, or the message has changed "
            "meanwhile. This page shows how it is now."
        )
        raise Refused(409, "too_late", reason)
    return True


def show(
    request: HttpRequest,
    message: Message | None,
    *,
    form: TextForm | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    """Answer with the receipt; 410 when nothing of the message is stored any more."""
    receipt = receipts.Receipt(message) if message else None
    if form is None and receipt and receipt.may_change:
        form = TextForm(instance=message)
    context = {"message": message, "receipt": receipt, "form": form, "refused": refused}
    html = render_to_string("messages_app/receipt.html", context, request)
    if refused:
        return answer(html, refused.status, refused.headers)
    if form and form.is_bound:
        return answer(html, 422)
    return answer(html, 200 if message else 410)


def answer(
    html: str, status: int, headers: dict[str, str] | None = None
) -> HttpResponse:
    """Answer with a page that no search engine is to list."""
    private = {"X-Robots-Tag": "noindex", **(headers or {})}
    return HttpResponse(html, status=status, headers=private)
