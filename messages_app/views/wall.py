"""The wall: read it, write on it."""

from contextlib import suppress

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from messages_app import (
    languages,
    page_views,
    receipts,
    recent_posts,
    senders,
    throttle,
    wall_page,
)
from messages_app.forms import MessageForm, SearchForm
from messages_app.models import Message
from messages_app.moderation import judge, record
from messages_app.pagination import BadCursor, Cursor
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
    unavailable,
)


@csrf_exempt  # same_origin does its work, without a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_cache=True)
def wall(request: HttpRequest) -> HttpResponse:
    """Show the wall, or post to it."""
    return post(request) if request.method == "POST" else read(request)


def read(request: HttpRequest) -> HttpResponse:
    """Answer with the newest messages, or those below the cursor in `?before=`.

    With words in `?q=`, those that hold them.
    """
    before = request.GET.get("before")
    try:
        cursor = None if before is None else Cursor.parse(before)
    except BadCursor as error:
        return bad_request(request, error)
    form = SearchForm(request.GET) if request.GET.get("q") else None
    if form and form.words and (refused := too_often(request, form)):
        return refused
    views = 1 if request.method == "GET" else 0
    kept = page_views.look(views=views)
    page = wall_page.current(kept, cursor, form)
    posts = recent_posts.read(request)
    if page.status == 200:
        total = page_views.total(kept.answer)
        return HttpResponse(page.show(view_count=total, posts=posts))
    total = page_views.take_back(kept.answer, views)
    html = page.show(view_count=total, posts=posts)
    if page.is_readable:
        return HttpResponse(html, status=page.status)
    return unavailable(html)


def too_often(request: HttpRequest, form: SearchForm) -> HttpResponse | None:
    """Answer who searches too often; None for who does not."""
    try:
        with suppress(DatabaseError):  # which the search itself will tell of
            throttle.take("search", senders.find(request))
    except throttle.TooMany as error:
        refused = too_many(error)
        form.add_error("q", refused.reason)
        view_count = page_views.total(page_views.look(views=0).answer)
        page = wall_page.refused(form, refused.status)
        html = page.show(view_count=view_count, posts=recent_posts.read(request))
        return HttpResponse(html, status=refused.status, headers=refused.headers)
    return None


def post(request: HttpRequest) -> HttpResponse:
    """Store the message and send the browser to the page, or say what to mend."""
    form = MessageForm({})
    try:
        with refusals():
            form = MessageForm(
                read_form(request), request_id=request.headers.get("X-Request-ID", "")
            )
            refuse_other_sites(request)
            message = store(request, form)
    except BadBody as error:
        return bad_request(request, error)
    except Refused as refused:
        form.refuse(refused.reason, code=refused.code)
        return refuse(request, form, refused)
    if message is None:
        return refuse(request, form)
    is_on_the_wall = message.status == Message.Status.PUBLISHED
    receipt = languages.url("messages_app:receipt", receipts.token(message.cursor))
    wall = languages.url("messages_app:wall")
    response = HttpResponseSeeOther(f"{wall}#posted" if is_on_the_wall else receipt)
    # For who keeps no cookie, and for programs.
    response["Link"] = f'<{receipt}>; rel="edit"'
    recent_posts.remember(request, response, message)
    return response


def store(request: HttpRequest, form: MessageForm) -> Message | None:
    """Return the message that this form stored, now or before; None for a bad form.

    Raises DatabaseError, Refused by a rule, and TooMany for one more than this sender, or all, may send.
    """
    sender = senders.find(request)
    try:
        throttle.take("attempt", sender)
        if not form.is_valid():
            return None
        if stored := recent_posts.find(request, form.instance):
            return stored
        with throttle.taking("post", sender) as taken:
            message = judge_and_save(request, form)
            if message is not form.instance:
                taken.give_back()  # sent again: only what is accepted counts
            return message
    except throttle.TooMany:
        # Who sends again what is stored has done it once.
        stored = form.stored_before() if form.is_valid() else None
        if stored is None:
            raise
        return stored


def judge_and_save(request: HttpRequest, form: MessageForm) -> Message:
    """Store the message as the rules decide; or return what this form stored before.

    Raises Refused.
    """
    names, message = senders.find_all(request), form.instance
    facts = judge.find_facts(message.content, names, form.digest())
    if facts.is_resent and (stored := form.answer_again()):
        return stored
    verdict = judge.judge(
        facts, message, senders=names, seconds=form.seconds, is_trapped=form.is_trapped
    )
    if verdict.status == verdict.REFUSED:
        raise refused_by_rule(verdict)
    message.sender = names[0]
    message.status, message.reason = verdict.status, verdict.reason
    if message.status == Message.Status.PUBLISHED:
        return form.save()
    with transaction.atomic():
        stored = form.save()
        if stored is message:
            record.held_by_rule(message)
    return stored


def refuse(
    request: HttpRequest, form: MessageForm, refused: Refused | None = None
) -> HttpResponse:
    """Answer with the page again, the visitor's text in it, and what to mend."""
    kept = page_views.look(views=0)
    page = wall_page.current(kept)
    total = page_views.total(kept.answer)
    html = page.show(view_count=total, form=form, posts=recent_posts.read(request))
    if refused is None:
        return HttpResponse(html, status=422)
    return HttpResponse(html, status=refused.status, headers=refused.headers)
