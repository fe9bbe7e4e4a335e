import threading
from io import StringIO

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection

from messages_app import page_views, wall_cache
from messages_app.models import PageViewTotal
from messages_app.tests.test_commands import manage


def test_each_view_counts_one(page):
    assert "This wall has been viewed 1 time." in page()
    assert "This wall has been viewed 2 times." in page()


def test_older_pages_count_too(page):
    page("/?before=0-0")
    assert "viewed 2 times" in page()


def test_head_refusals_and_errors_do_not_count(client, page, post):
    client.head("/")
    post("")
    post("fine")
    client.get("/?before=x")
    assert "viewed 1 time." in page()


def test_a_page_that_cannot_be_read_does_not_count(client, page, database_away):
    with database_away():
        client.get("/")
    assert "viewed 1 time." in page()


def fold_is_due():
    cache.delete(wall_cache.checked_key())


def test_the_counter_is_folded_into_the_database(page):
    for _ in range(5):
        page()
    fold_is_due()
    page()
    assert PageViewTotal.objects.get().total == 6


def test_between_folds_a_view_costs_no_query(page, client, django_assert_num_queries):
    page()
    with django_assert_num_queries(0):
        client.get("/")


def test_a_lost_counter_goes_on_from_the_last_fold(page):
    PageViewTotal.objects.create(total=41)
    assert "viewed 42 times" in page()


def test_a_counter_lost_while_the_row_cannot_be_read_goes_on_from_what_is_known(
    page, database_away
):
    PageViewTotal.objects.create(total=41)
    page()
    cache.delete(page_views.COUNT_KEY)
    with database_away():
        assert "viewed 42 times" in page()
    assert "viewed 43 times" in page()


def test_a_counter_below_the_row_is_lifted_at_the_fold(page):
    page()
    PageViewTotal.objects.update(total=1000)
    fold_is_due()
    assert "viewed 1,000 times" in page()
    assert "viewed 1,001 times" in page()


def test_a_row_above_the_counter_is_never_lowered(page):
    PageViewTotal.objects.create(total=1000)
    cache.set(page_views.COUNT_KEY, 3, timeout=None)
    page_views.fold()
    assert PageViewTotal.objects.get().total == 1000


def test_a_lost_cache_and_a_lost_database_lose_the_page_not_the_process(
    client, page, database_away
):
    with database_away():
        assert "viewed 0 times" in client.get("/").text
        page_views.fold()


def test_a_fold_is_due_again_after_ten_seconds(page, seconds_left):
    page()
    assert 8 <= seconds_left(wall_cache.checked_key()) <= 9


@pytest.mark.django_db(transaction=True)
def test_folds_at_once_fill_a_gap_once():
    PageViewTotal.objects.create(total=1000)
    cache.set(page_views.COUNT_KEY, 1, timeout=None)
    gate = threading.Barrier(4)

    def fold():
        gate.wait()
        page_views.fold()
        # Django's close() leaves a database in memory open.
        is_in_memory = connection.vendor == "sqlite"
        (connection.connection if is_in_memory else connection).close()

    threads = [threading.Thread(target=fold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get(page_views.COUNT_KEY) == 1000


# page_views


def run(**options):
    said = StringIO()
    call_command("page_views", stdout=said, **options)
    return said.getvalue()


@pytest.fixture
def long_running(page):
    """A process that has counted to a thousand, and folded."""
    PageViewTotal.objects.create(total=999)
    page()
    page_views.fold()


def test_no_number_is_told_while_the_database_is_away():
    url = "postgres://wall:hush@127.0.0.1:1/wall"
    status, said = manage("page_views", DATABASE_URL=url)
    assert status == 1
    assert "The database at 127.0.0.1:1 cannot be reached" in said


def test_without_its_tables_a_wall_is_told_to_migrate(tmp_path):
    url = f"sqlite:///{tmp_path}/wall.sqlite3"
    status, said = manage("page_views", DATABASE_URL=url)
    assert status == 1
    assert "Run `manage.py migrate`." in said


def test_the_number_is_told_alone(long_running):
    assert run() == "1000\n"


@pytest.mark.parametrize("total", [0, 5])
def test_a_lower_number_that_is_set_goes_on_in_all_processes(total, page, long_running):
    folded_before = page_views.memory
    page_views.memory = page_views.Memory()  # that of the command
    assert run(total=total).startswith(f"The view count was 1,000 and is {total:,}.")
    page_views.memory = folded_before
    if not settings.REDIS_URL:  # whose command has a cache of its own
        cache.set(page_views.COUNT_KEY, 1000, timeout=None)
        fold_is_due()
    page()
    if not settings.REDIS_URL:
        page_views.fold()  # without the one view so far
        total -= 1
    assert f"viewed {total + 2:,} time" in page()
    page_views.fold()
    assert run() == f"{total + 2}\n"


def test_a_number_below_the_counter_and_above_the_last_fold_counts_too(
    page, long_running
):
    for _ in range(5):
        page()
    if not settings.REDIS_URL:
        PageViewTotal.objects.update(total=1002)  # as a command, elsewhere
        page_views.fold()
    else:
        run(total=1002)
    assert "1,003 times" in page()


def test_a_higher_number_goes_on_too(page, long_running):
    run(total=50_000)
    assert "50,001 times" in page()


def test_a_counter_lost_after_it_was_set_goes_on_from_there(page, long_running):
    run(total=5)
    cache.delete(page_views.COUNT_KEY)
    fold_is_due()
    page()
    page_views.fold()
    assert run() == "6\n"


def test_a_dry_run_sets_nothing(long_running):
    said = run(total=5, dry_run=True)
    assert said == "Would go from 1,000 to 5. Nothing was done.\n"
    assert run() == "1000\n"


def test_nothing_is_set_while_the_cache_is_away(long_running, monkeypatch):
    monkeypatch.setattr(type(cache._connections["default"]), "set_surely", lambda *_: 0)
    with pytest.raises(CommandError, match="Nothing was done"):
        run(total=5)
    assert PageViewTotal.objects.get().total == 1000


@pytest.mark.parametrize("text", ["-1", "ten", "1" + "0" * 18, "٣"])
def test_what_is_no_number_of_views_is_told(text):
    with pytest.raises(CommandError, match="is no number from 0"):
        call_command("page_views", f"--set={text}")
