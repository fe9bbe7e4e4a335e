"""The client and what it measures: one request after the other, and many at once."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

import pycurl

CLIENTS = 8  # at once, as many as a server has threads

Fields = Callable[[], dict[str, str]]


class Client:
    """One connection that is kept, as a browser keeps its own."""

    def __init__(self, url: str, fields: Fields | None = None) -> None:
        self.fields = fields
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.URL, url)
        self.curl.setopt(pycurl.WRITEFUNCTION, lambda body: None)
        self.curl.setopt(pycurl.TIMEOUT, 60)  # seconds

    def ask(self) -> None:
        """Send a request; raise OSError unless it is answered as it should be."""
        if self.fields:
            self.curl.setopt(pycurl.POSTFIELDS, urlencode(self.fields()))
        try:
            self.curl.perform()
        except pycurl.error as error:
            raise OSError(*error.args) from error
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if status not in ({302, 303} if self.fields else {200}):
            url = self.curl.getinfo(pycurl.EFFECTIVE_URL)
            raise OSError(f"{url} answered {status}")


@dataclass(frozen=True)
class Case:
    """What is asked, of whom, and what is done before each request."""

    url: str
    worker: int
    fields: Fields | None = None  # of a post
    prepare: Callable[[], None] | None = None
    has_rate: bool = False  # whether many ask it at once too
    at_least: int = 3  # requests in a sample, however long they take

    def ask_one_by_one(self, seconds: float) -> tuple[float, float]:
        """Return µs of the worker's CPU per request, and the median of their ms."""
        client = Client(self.url, self.fields)
        client.ask()  # not counted: it connects, and warms what may have gone cold
        times: list[float] = []
        cpu = cpu_seconds(self.worker)
        while sum(times) < seconds or len(times) < self.at_least:
            if self.prepare:
                self.prepare()
            begin = time.perf_counter()
            client.ask()
            times.append(time.perf_counter() - begin)
        cpu = cpu_seconds(self.worker) - cpu
        return cpu / len(times) * 1e6, statistics.median(times) * 1e3

    def ask_at_once(self, seconds: float) -> float:
        """Return how many requests a second are answered to many clients."""
        begin = time.perf_counter()

        def ask_for_a_while(_: int) -> int:
            client, count = Client(self.url, self.fields), 0
            while not count or time.perf_counter() - begin < seconds:
                client.ask()
                count += 1
            return count

        with ThreadPoolExecutor(CLIENTS) as clients:
            count = sum(clients.map(ask_for_a_while, range(CLIENTS)))
        return count / (time.perf_counter() - begin)


def cpu_seconds(process: int) -> float:
    """Return the CPU time of all threads of another process."""
    # The number that clock_getcpuclockid(3) gives on Linux; finer than /proc/PID/stat,
    # which counts in hundredths of a second.
    return time.clock_gettime((~process << 3) | 2)
