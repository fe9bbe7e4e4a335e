"""One message: its page, and what is reported about it."""

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from messages_app import languages, reports, senders, throttle
from messages_app.forms import ReportForm
from messages_app.models import Message
from messages_app.views.requests import (
    BadBody,
    HttpResponseSeeOther,
    Refused,
    bad_request,
    read_form,
    read_only,
    refusals,
    refuse_other_sites,
)


@read_only
@cache_control(private=True, no_cache=True)
def show(request: HttpRequest, number: int) -> HttpResponse:
    """Show a published message between the next newer and the next older one."""
    on_the_wall = Message.objects.visible()
    message = get_object_or_404(on_the_wall, pk=number)
    return render(
        request,
        "messages_app/message.html",
        {
            "message": message,
            "newer": on_the_wall.after(message.cursor).first(),
            "older": on_the_wall.before(message.cursor).first(),
            "address": request.build_absolute_uri(message.get_absolute_url()),
        },
    )


@csrf_exempt  # refuse_other_sites() does its work, without a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def report(request: HttpRequest, number: int) -> HttpResponse:
    """Show the form for reporting a message, or take it."""
    if request.method != "POST":
        message = get_object_or_404(Message.objects.visible(), pk=number)
        return answer_report(request, message, ReportForm())
    form = ReportForm({})
    try:
        with refusals():
            form = ReportForm(read_form(request))
            refuse_other_sites(request)
            names = senders.find_all(request)
            throttle.take("attempt", names[0])
            if not form.is_valid():
                return show_report(request, number, form, 422)
            form.instance.message_id = number
            with throttle.taking("report", names[0]) as taken:
                if not reports.store(form.instance, names):
                    taken.give_back()
    except Message.DoesNotExist as error:
        raise Http404 from error
    except BadBody as error:
        return bad_request(request, error)
    except Refused as refused:
        form.refuse(refused.reason, code=refused.code)
        return show_report(request, number, form, refused.status, refused.headers)
    return HttpResponseSeeOther(languages.url("messages_app:thanks"))


def show_report(
    request: HttpRequest,
    number: int,
    form: ReportForm,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Answer with the form; the message is quoted as long as it can be read."""
    try:
        message = Message.objects.visible().filter(pk=number).first()
    except DatabaseError:  # told already, when it was asked to store
        message = None
    return answer_report(request, message, form, status, headers)


def answer_report(
    request: HttpRequest,
    message: Message | None,
    form: ReportForm,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    context = {"form": form, "message": message}
    html = render_to_string("messages_app/report.html", context, request)
    return HttpResponse(html, status=status, headers=headers)


@read_only
def thanks(request: HttpRequest) -> HttpResponse:
    """Thank for a report, whatever became of the message."""
    return render(request, "messages_app/thanks.html")
