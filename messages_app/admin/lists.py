"""Lists of the desk that cost the same for twenty rows and for ten million."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from messages_app.pagination import LARGEST_ID

# The rows before a page are walked through: what is further back is found by a filter.
MOST_PAGES = 200
CHECKBOX = (
    '<input type="checkbox" name="{}" value="{}" aria-label="{}" class="action-select">'
)


def ticked(data: QueryDict) -> list[int]:
    """Return the numbers of the rows that are ticked."""
    digits = len(str(LARGEST_ID))  # int() of thousands raises
    given = data.getlist(ACTION_CHECKBOX_NAME)
    numbers = [int(n) for n in given if n.isdecimal() and len(n) <= digits]
    return [number for number in numbers if number <= LARGEST_ID]


class UncountedPaginator(Paginator):
    """Pages that know whether a next one follows, and never count the table."""

    def __init__(self, *args: Any, page_number: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.page_number = page_number

    @cached_property
    def count(self) -> int:
        """Rows to the end of this page, and one more if there is one."""
        start = (self.page_number - 1) * self.per_page
        rows = cast("QuerySet", self.object_list).values_list("pk")[
            start : start + self.per_page + 1
        ]
        return min(start + len(rows), MOST_PAGES * self.per_page)


class UncountedChangeList(ChangeList):
    """A list that says no number of results, in the language that its address names."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        found.pop("lang", None)  # it is no question to the table
        return found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        """Return the order that an index has, whatever the address asks for."""
        return list(self.model_admin.get_ordering(request))

    def get_results(self, request: HttpRequest) -> None:
        self.page_num = min(self.page_num, MOST_PAGES)
        super().get_results(request)
        self.is_last_page = self.page_num == MOST_PAGES
        # The search form shows a number when these two differ. None was counted.
        self.full_result_count = self.result_count


class UncountedAdmin(admin.ModelAdmin):
    """What is listed and searched without ever counting it."""

    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would be a count
    list_max_show_all = 0
    list_per_page = 50  # rows take most of a page's time
    sortable_by = ()
    # What an address may ask for, and with which values: no other question reaches the
    # table.
    questions: Mapping[str, Callable[[str], Any]] = {}

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[UncountedChangeList]:
        return UncountedChangeList

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        return lookup in self.questions and bool(self.questions[lookup](value))

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> Any:
        """Take no notice of what is ticked and is no number."""
        request.POST = data = request.POST.copy()  # type: ignore[assignment]
        data.setlist(ACTION_CHECKBOX_NAME, map(str, ticked(data)))
        return super().response_action(request, queryset)

    def action_checkbox(self, obj: Any) -> SafeString:
        """Return Django's own, whose template took a fifth of a page's time."""
        return format_html(CHECKBOX, ACTION_CHECKBOX_NAME, obj.pk, obj)

    def get_paginator(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> Paginator:
        try:
            number = int(request.GET.get(PAGE_VAR, 1))  # as ChangeList reads it
        except ValueError:
            number = 1
        number = min(max(number, 1), MOST_PAGES)
        return self.paginator(*args, page_number=number, **kwargs)


class WrittenByTheWall(UncountedAdmin):
    """A list of which nobody makes a row by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What stands in it is written by visitors, or by acts."""
        return False
