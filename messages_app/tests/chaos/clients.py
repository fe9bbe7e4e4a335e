"""Visitors and a moderator, who write down what they see."""

import http.client
import random
import re
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from itertools import count
from urllib.parse import urlencode

from messages_app.tests.chaos.promises import Hide, Post, Read, Seen

PATIENCE = 30  # seconds; then it counts as no answer
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MESSAGE = re.compile(r'id="message-(\d+)".*?<p dir="auto">(.*?)</p>', re.DOTALL)
KEY = re.compile(r'name="form_key" value="([^"]+)"')
VIEWS = re.compile(r"viewed ([\d,]+) time")
TEXT = re.compile(r"<textarea[^>]*>\s*(.*?)</textarea>", re.DOTALL)
MODERATOR = {"username": "moderator", "password": "chaos-0-chaos"}


class Clients:
    """Readers, posters and a moderator at work, from `start()` to `stop()`."""

    numbers = count(1)  # of texts, never used twice

    def __init__(self, port: int, seed: int, cookies: SimpleCookie) -> None:
        self.port, self.seen, self.seed = port, Seen(), seed
        self.cookies = cookies  # of the moderator
        self.is_over = threading.Event()
        self.threads: list[threading.Thread] = []
        self.ids: dict[str, str] = {}  # of messages, by text
        self.asked: dict[
            int, float
        ] = {}  # when, by the thread that waits for an answer

    def start(self, *, readers: int, posters: int, moderators: int) -> None:
        # Seconds to think, at most: about sixty pages and seven posts in a second.
        works = [(self.read, 0.2)] * readers + [(self.write, 1.0)] * posters
        works += [(self.moderate, 1.5)] * moderators
        for number, work in enumerate(works):
            chance = random.Random(f"{self.seed}-{number}")
            thread = threading.Thread(target=self.repeat, args=(*work, chance))
            self.threads.append(thread)
            thread.start()

    def wait_until_answered(self) -> None:
        """Wait for the answer to each request that is on its way now."""
        now = time.monotonic()
        while any(begin <= now for begin in list(self.asked.values())):
            threading.Event().wait(0.02)

    def stop(self) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, work, think, chance) -> None:
        while not self.is_over.wait(chance.uniform(0, think)):
            work(chance)

    def read(self, chance=None) -> str:
        """Read the page; return the key of its form, if there was an answer."""
        begin = time.monotonic()
        status, html, _ = self.ask("GET", "/")
        end = time.monotonic()
        ids = {text: number for number, text in MESSAGE.findall(html)}
        self.ids.update(ids)
        views, key = VIEWS.search(html), KEY.search(html)
        self.seen.reads.append(
            Read(
                begin,
                end,
                status,
                tokens=frozenset(ids),
                is_marked=bool(re.search(r"as of \d\d:\d\d UTC", html)),
                views=int(views[1].replace(",", "")) if views else None,
            )
        )
        return key[1] if key else ""

    def write(self, chance: random.Random) -> None:
        """Post; sometimes send the same form again, most often after a failure."""
        form = self.new_message(self.read())
        while True:
            status = self.post(form)
            patience = 0.1 if status == 303 else 0.5
            if chance.random() > patience or self.is_over.wait(chance.uniform(0, 1)):
                return

    def new_message(self, key: str = "") -> dict[str, str]:
        return {"content": f"text{next(self.numbers)}.", "form_key": key}

    def post(self, form: dict[str, str]) -> int | None:
        token, begin = form["content"], time.monotonic()
        status, html, _ = self.ask("POST", "/", form)
        end = time.monotonic()
        text = TEXT.search(html)
        keeps_text = bool(text) and text[1] == token
        self.seen.posts.append(Post(begin, end, token, status, keeps_text))
        return status

    def moderate(self, chance: random.Random) -> None:
        """Take down one of the messages that were acknowledged and seen."""
        address = "/admin/messages_app/message/?status=all"
        if "sessionid" not in self.cookies:
            self.sign_in()
        hidden = {hide.token for hide in self.seen.hides}
        texts = {p.token for p in self.seen.posts if p.is_acknowledged} - hidden
        if seen := sorted(text for text in texts if text in self.ids):
            token = chance.choice(seen)
            shown_at = datetime.now(UTC).isoformat()
            form = {"index": "hide", "days": "7", "shown_at": shown_at}
            form["_selected_action"] = self.ids[token]
            begin = time.monotonic()
            status, headers = self.ask_admin(address, form)
            end = time.monotonic()
            if headers.get("Location") != address:  # nor is the sign-in page
                status = None
                self.cookies.clear()
            self.seen.hides.append(Hide(begin, end, token, status))

    def sign_in(self) -> None:
        self.ask_admin("/admin/login/")
        self.ask_admin("/admin/login/", MODERATOR)

    def ask_admin(self, address, form=None):
        sent = {name: morsel.value for name, morsel in self.cookies.items()}
        if form:
            form = {**form, "csrfmiddlewaretoken": sent.get("csrftoken", "")}
        cookie = "; ".join(f"{name}={value}" for name, value in sent.items())
        method = "POST" if form else "GET"
        status, _, received = self.ask(method, address, form, {"Cookie": cookie})
        for line in received.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return status, received

    def ask(self, method, address, form=None, headers=None):
        """Return status, text and headers; None for the status without an answer.

        Each request is a connection of its own, so that any process may get it.
        """
        body, thread = urlencode(form) if form else None, threading.get_ident()
        self.asked[thread] = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE)
        try:
            with closing(connection), suppress(OSError, http.client.HTTPException):
                connection.request(method, address, body, {**FORM, **(headers or {})})
                response = connection.getresponse()
                html = response.read().decode()
                return response.status, html, response.headers
            return None, "", http.client.HTTPMessage()
        finally:
            del self.asked[thread]
