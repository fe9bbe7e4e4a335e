"""The wall as the tutorial wrote it, mended just enough to run: what ours is measured by.

docs/from-the-tutorial.md goes through its steps. Mended are the `import datetime` that
its eval() lacks, and addresses, which come from the environment.
"""

import datetime  # noqa: F401 - for eval()
import os
from typing import Any

import psycopg2
import redis
from flask import Flask, redirect, render_template_string, request

PAGE = """<!doctype html>
<title>Message wall</title>
<h1>Message wall</h1>
<p>This page has been viewed {{ views }} times.</p>
<form method="post">
  <textarea name="content" required></textarea>
  <button>Post</button>
</form>
<ul>
  {% for id, content, created_at in messages %}
  <li>{{ content }} <small>{{ created_at.strftime("%Y-%m-%d %H:%M") }}</small></li>
  {% endfor %}
</ul>
"""

app = Flask(__name__)
cache = redis.Redis.from_url(os.environ["REDIS_URL"])


def connect() -> Any:
    return psycopg2.connect(os.environ["BASELINE_DSN"])


def get_messages() -> Any:
    conn = connect()
    cur = conn.cursor()
    cur.execute("SELECT id, content, created_at FROM messages ORDER BY created_at DESC")
    return cur.fetchall()


def cached_messages() -> Any:
    if kept := cache.get("messages"):
        return eval(kept)
    rows = get_messages()
    cache.setex("messages", 60, str(rows))
    return rows


@app.get("/")
def index() -> Any:
    views = cache.incr("views")
    return render_template_string(PAGE, messages=cached_messages(), views=views)


@app.post("/")
def post() -> Any:
    conn = connect()
    cur = conn.cursor()
    cur.execute("INSERT INTO messages (content) VALUES (%s)", [request.form["content"]])
    conn.commit()
    cache.delete("messages")
    return redirect("/")
