"""Django's PostgreSQL back end, for a wall that stays calm when the server does not.

A dead server is asked once a second, by one thread of the process. A hung one (stopped,
cut off without a word) answers nothing and keeps no statement_timeout, so whoever has
waited for a moment looks whether it still lets anyone in.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from select import POLLIN, poll
from typing import Any

import psycopg
from django.db import DatabaseError
from django.db.backends.postgresql import base
from psycopg.conninfo import make_conninfo
from psycopg.errors import ConnectionTimeout, _WaitTimeout
from psycopg.pq import PGconn, Ping
from psycopg_pool import PoolTimeout

from messages_app.breaker import Breaker

SLOW_SECONDS = 0.5  # without an answer, then the server is looked after
PATIENCE_SECONDS = 6.0  # more, for one that lives: its own limits end a query before

breaker = Breaker("PostgreSQL")


class Connection(psycopg.Connection[Any]):
    """A connection that gives a hung server up."""

    patience: float | None = PATIENCE_SECONDS  # None: it waits for ever

    def wait(
        self, gen: Any, interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        """Return what the server answers; raise OperationalError if it does not."""
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        gen = resumable(gen)
        try:
            return super().wait(gen, interval, SLOW_SECONDS)
        except _WaitTimeout:
            pass
        try:
            parameters = self.info.get_parameters() | {"password": self.info.password}
            look_after(parameters, is_connected=True)
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            # Given up, not ended: its answer would be taken for the next query's.
            if self.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def resumable(gen: Any) -> Any:
    """Return the generator, such that who waits for it can give up and begin again."""
    try:
        state = next(gen)
        while True:
            # Who begins anew sends None, which psycopg's take for readiness while they
            # are still sending.
            if (ready := (yield state)) is not None:
                state = gen.send(ready)
    except StopIteration as end:
        return end.value


def look_after(parameters: dict[str, Any], *, is_connected: bool = False) -> None:
    """Raise OperationalError, with the reason, if the server lets nobody in.

    Who is connected may wait for one that answers, though it takes no more in.
    """
    if breaker.is_open:  # another thread has just looked
        raise psycopg.OperationalError(breaker.reason)
    try:
        with closing(psycopg.connect(**parameters)):
            pass
    except psycopg.OperationalError as error:
        if is_connected and is_answer(error, parameters):
            return
        breaker.failed(" ".join(str(error).split()))
        raise


def is_answer(error: Exception, parameters: dict[str, Any]) -> bool:
    """Return whether who was not let in was told so by a server that works."""
    # After a time-out the next would be another, in which all threads stand still.
    return not isinstance(error, ConnectionTimeout) and (
        PGconn.ping(make_conninfo(**parameters).encode()) == Ping.OK
    )


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings_dict["OPTIONS"]["pool"].setdefault("connection_class", Connection)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that works; raise OperationalError at once while away."""
        if not breaker.may_ask():
            raise psycopg.OperationalError(breaker.reason)
        try:
            connection = super().get_new_connection(conn_params)
            pool = self.pool  # type: ignore[attr-defined]  # the stubs lack it
            while pool and not is_alive(connection):
                connection.close()
                pool.putconn(connection)  # which puts a new one in its place
                connection = super().get_new_connection(conn_params)
        except PoolTimeout:
            # All are in use, or the server is away. If so, this tells why.
            look_after(conn_params)
            raise
        if breaker.reason:
            self.make_sure(connection)
        breaker.answered()
        return connection

    def make_sure(self, connection: Any) -> None:
        """Ask a server that failed before; one that hangs keeps its connections open."""
        try:
            connection.execute("SELECT 1")
            connection.rollback()  # unless it commits by itself
        except psycopg.OperationalError:
            connection.close()
            self.pool.putconn(connection)  # type: ignore[attr-defined]  # as above
            raise

    @contextmanager
    def without_limit(self) -> Iterator[None]:
        """Let this connection's queries take the time they need.

        Not to wait for a lock: behind who waits, others wait too.
        """
        self.set_limit("SET statement_timeout = 0", None)
        try:
            yield
        finally:
            with suppress(DatabaseError):  # it broke meanwhile, and is not used again
                self.set_limit("RESET statement_timeout", PATIENCE_SECONDS)

    def set_limit(self, sql: str, patience: float | None) -> None:
        with self.cursor() as cursor:
            cursor.execute(sql)
        self.connection.patience = patience


def is_alive(connection: Connection) -> bool:
    """Return whether an idle connection has outlived its server's last restart."""
    # Nobody asked, so there is nothing to read, unless the server said goodbye. A query
    # that tells the same would be a round trip for each request.
    said = poll()
    said.register(connection.fileno(), POLLIN)
    return not said.poll(0)
