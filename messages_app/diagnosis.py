"""What can be wrong with a wall as it runs here: each finding with what mends it."""

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.core.cache import cache
from django.core.mail import get_connection
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from redis.exceptions import RedisError

from messages_app import client_address, health, lost_database
from messages_app.models import Notice
from messages_app.moderation import notices

OK, WARNING, FAILURE = "ok", "warning", "failure"
SECONDS_APART = 2  # that two clocks may be
LITTLE_SPACE, TOO_LITTLE_SPACE = 1_000, 100  # MB
MAIL_SECONDS = 5
# Of what Django warns, this lets others in: a weak SECRET_KEY, and DEBUG.
SERIOUS = {"security.W009", "security.W018"}
BY_HTTPS = "SITE_ADDRESS=wall.example TRUSTED_PROXIES=1, once it is behind https"
MENDS = dict.fromkeys(["security.W004", "security.W008"], BY_HTTPS)
MENDS |= dict.fromkeys(["security.W012", "security.W016"], BY_HTTPS)
MENDS["security.W009"] = "SECRET_KEY=$(openssl rand -base64 48)"
MENDS["security.W018"] = "DEBUG=false"


class Finding(NamedTuple):
    name: str
    state: str
    sentence: str
    mend: str = ""  # the line that mends it, where it is to be mended


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other; what is away is a finding too."""
    for look in (database, migrations, indexes, database_clock):
        found = list(told(look))
        yield from found
        if any(finding.state == FAILURE for finding in found):
            break  # what follows needs it
    for look in (cache_server, disk, static_files, mail_server, hosts, django_checks):
        yield from look()


def told(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what is found, or that the database refused."""
    try:
        yield from look()
    except DatabaseError as error:
        yield Finding(
            look.__name__,
            FAILURE,
            lost_database.describe(error),
            "manage.py wait_for_services --timeout 10",
        )


def database() -> Iterator[Finding]:
    with transaction.atomic():
        # What is written is taken back. Without tables, the next finding tells it.
        if Notice._meta.db_table in connection.introspection.table_names():
            Notice.objects.create(kind=Notice.Kind.HELD)
        transaction.set_rollback(True)
    yield Finding(
        "database", OK, f"The database {lost_database.where()} is written to."
    )


def migrations() -> Iterator[Finding]:
    if missing := health.missing_migrations():
        count = len(missing)
        are = "migration is" if count == 1 else "migrations are"
        lack = f"{count} {are} missing, from {missing[0]} on."
        yield Finding("migrations", FAILURE, lack, "manage.py migrate")
    else:
        yield Finding("migrations", OK, "All migrations are applied.")


def indexes() -> Iterator[Finding]:
    statements = index_statements()
    there = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if connection.vendor == "postgresql":
        # One whose making was broken off is there, and no use.
        there = (
            "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid "
            "WHERE indisvalid AND pg_table_is_visible(pg_class.oid)"
        )
    with connection.cursor() as cursor:
        cursor.execute(there)
        lacking = statements.keys() - {name for (name,) in cursor.fetchall()}
    for name in sorted(lacking):
        yield Finding(
            "indexes",
            FAILURE,
            f"The index {name} is missing, or not whole: the wall is slow without it.",
            f"In `manage.py dbshell`: {statements[name]}",
        )
    if not lacking:
        yield Finding("indexes", OK, f"All {len(statements)} indexes are there.")


def index_statements() -> Mapping[str, str]:
    """Return for each index that is ours the SQL that makes it."""
    editor = connection.schema_editor(collect_sql=True)
    found = {
        index.name: f"{index.create_sql(model, editor)};"
        for model in apps.get_app_config("messages_app").get_models()
        for index in model._meta.indexes
    }
    if connection.vendor != "postgresql":
        return found
    made = import_module("messages_app.migrations.0005_moderation_indexes")
    found["message_all_words"] = " ".join(f"{made.WORDS};".split())
    # So that a wall that is read goes on.
    return {
        name: f"DROP INDEX CONCURRENTLY IF EXISTS {name}; "
        + re.sub("INDEX (?!CONC)", "INDEX CONCURRENTLY ", sql, count=1)
        for name, sql in found.items()
    }


def database_clock() -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        return  # it is this machine's
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        yield from clock("the database", float(cursor.fetchone()[0]))


def clock(whose: str, seconds: float) -> Iterator[Finding]:
    apart = abs(seconds - time.time())
    sentence = f"The clocks of this machine and {whose} are {apart:.1f} s apart."
    if apart > SECONDS_APART:
        yield Finding(
            "clock", WARNING, sentence, "Keep both by NTP: timedatectl status"
        )
    else:
        yield Finding("clock", OK, sentence)


def cache_server() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding(
            "cache", OK, "The cache is in the memory of the server's process."
        )
        return
    away = Finding(
        "cache",
        FAILURE,
        "Redis does not answer, or takes no writes: the wall works, slower.",
        "Check REDIS_URL, and that Redis runs: redis-cli -u $REDIS_URL ping",
    )
    if health.cache_state_now() != health.OK:
        yield away
        return
    yield Finding("cache", OK, "Redis gives back what it is given.")
    try:
        redis = cache.client.get_client(write=True)  # type: ignore[attr-defined]  # django-redis
        seconds, microseconds = redis.time()
        yield from clock("Redis", seconds + microseconds / 1e6)
        yield from eviction(redis.info("memory"))
    except RedisError as error:
        sentence = f"Redis does not tell its clock or its memory: {error}."
        yield Finding("cache", WARNING, sentence, "Allow its user TIME and INFO.")


def eviction(memory: Mapping[str, object]) -> Iterator[Finding]:
    policy = str(memory.get("maxmemory_policy", ""))
    if not memory.get("maxmemory"):
        yield Finding("eviction", OK, "Redis has no limit of memory to keep to.")
    elif policy.startswith("volatile-"):
        yield Finding("eviction", OK, f"A full Redis makes room by {policy}.")
    else:
        does = "drop the view count" if policy != "noeviction" else "take no more pages"
        yield Finding(
            "eviction",
            WARNING,
            f"A full Redis would {does}: its policy is {policy}.",
            "redis-cli -u $REDIS_URL config set maxmemory-policy volatile-lru",
        )


def disk() -> Iterator[Finding]:
    """Tell what is left where the SQLite file is; of a server's disk nothing is known."""
    if connection.vendor != "sqlite":
        return
    folder = Path(connection.settings_dict["NAME"]).absolute().parent
    try:
        left = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        yield Finding(
            "disk", FAILURE, f"{folder}: {error.strerror}.", f"mkdir {folder}"
        )
        return
    sentence, mend = f"{left:,} MB are free in {folder}.", ""
    state = WARNING if left < LITTLE_SPACE else OK
    if left < TOO_LITTLE_SPACE:
        state = FAILURE
    if state != OK:
        mend = "manage.py prune_messages --older-than 365d --dry-run, or a larger disk"
    yield Finding("disk", state, sentence, mend)


def static_files() -> Iterator[Finding]:
    try:
        staticfiles_storage.url("messages_app/wall.css")
    except ValueError:
        sentence = "The style sheet and its like are not collected: each page fails."
        yield Finding("files", FAILURE, sentence, "manage.py collectstatic --noinput")
    else:
        yield Finding("files", OK, "Style sheet, script and icons are in place.")


def mail_server() -> Iterator[Finding]:
    """Sign in to the mail server; nothing is sent."""
    if not settings.EMAIL_HOST:
        return  # Django's checks, of which one is ours, tell it
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    server = get_connection(timeout=MAIL_SECONDS)
    try:
        server.open()
        server.close()
    except OSError as error:  # of smtplib too
        sentence = f"The mail server at {place} lets nobody in: "
        mend = "Check EMAIL_URL, and that it can be reached from here."
        yield Finding("e-mail", FAILURE, f"{sentence}{notices.describe(error)}.", mend)
    else:
        yield Finding("e-mail", OK, f"The mail server at {place} lets the wall in.")


def hosts() -> Iterator[Finding]:
    names = [host for host in settings.ALLOWED_HOSTS if not is_local(host)]
    if "*" in names:
        yield Finding(
            "hosts",
            WARNING,
            "The wall answers to any name, also one that a stranger points to it.",
            "ALLOWED_HOSTS=wall.example",
        )
    elif names and not settings.TRUSTED_PROXIES:
        yield Finding(
            "hosts",
            WARNING,
            f"The wall answers to {names[0]} and trusts no proxy. If one stands before "
            "it, all visitors are one sender.",
            "TRUSTED_PROXIES=1",
        )
    else:
        told = ", ".join(names) or "this machine only"
        yield Finding(
            "hosts", OK, f"The wall answers to {told}; trusts {proxies_in_words()}."
        )


def proxies_in_words() -> str:
    count = settings.TRUSTED_PROXIES
    return {0: "no proxy", 1: "one proxy"}.get(count, f"{count} proxies")


def is_local(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def django_checks() -> Iterator[Finding]:
    """Tell what `check --deploy` does."""
    found = checks.run_checks(include_deployment_checks=True)
    found = [check for check in found if not check.is_silenced()]
    for check in found:
        is_serious = check.level >= checks.ERROR or check.id in SERIOUS
        sentence = str(check.msg).partition(". ")[0].rstrip(".") + "."
        mend = MENDS.get(check.id or "", "")
        state = FAILURE if is_serious else WARNING
        yield Finding(check.id or "check", state, sentence, check.hint or mend)
    if not found:
        yield Finding("check", OK, "`manage.py check --deploy` finds nothing.")


def examine_request(headers: Mapping[str, str], remote_address: str) -> Finding:
    """Tell where a request would come from, and whether by https, for this wall."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": remote_address} | {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in headers.items()
    }
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    sentence = (
        f"The wall trusts {proxies_in_words()}: this request comes from "
        f"{client_address.find(request) or 'no address'}, by {request.scheme}."
    )
    if settings.HTTPS and not request.is_secure():
        mend = "Let the proxy send X-Forwarded-Proto: https"
        return Finding("request", FAILURE, f"{sentence} Redirected for ever.", mend)
    if hops != [""] and len(hops) != settings.TRUSTED_PROXIES:
        names = f" X-Forwarded-For names {len(hops)}."
        mend = f"TRUSTED_PROXIES={len(hops)}, if so many proxies are yours"
        return Finding("request", WARNING, sentence + names, mend)
    return Finding("request", OK, sentence)
