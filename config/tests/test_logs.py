import json
import logging
import sys
from datetime import timedelta

import pytest

from config.logs import WithoutVisitors, request_line

TOKEN = "1795544027767001-1.opfxlwFiLSv0-YHDUw-f5S_g-RfyJXKrPg-cQ8FjQfc"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Not Found: /a?q=secret", "Not Found: /a"),
        ('"GET /?before=1-2&q=x HTTP/1.1" 200 5', '"GET / HTTP/1.1" 200 5'),
        ("Error handling request GET /?q=x", "Error handling request GET /"),
        (
            "Invalid request from ip=192.0.2.7: Invalid HTTP request line: 'x?y'",
            "A request that is not valid HTTP was refused.",
        ),
        ("Not Found: /receipts/aB3_x-y/edit/", "Not Found: /receipts/-/edit/"),
        (f"Not Found: /Receipts/x/%20{TOKEN}/", "Not Found: /Receipts/x/%2-/"),
        ("Not Found: /queue/7.x-y/feed/", "Not Found: /queue/-/feed/"),
        (f"Not Found: /Queue/{TOKEN[17:]}/feed", "Not Found: /Queue/-/feed"),
        ("Is it there? Yes.", "Is it there? Yes."),
    ],
)
def test_a_line_loses_its_visitor_and_keeps_its_sense(line, kept):
    record = logging.LogRecord("any", logging.INFO, "", 0, "%s", (line,), None)
    assert WithoutVisitors().filter(record)
    assert record.getMessage() == kept


def test_no_word_of_a_row_that_the_database_refused_is_told():
    refused = "new row is wrong\nDETAIL:  Failing row contains (7, My\n\nwords)."
    try:
        try:
            raise ValueError(refused)
        except ValueError as error:
            raise KeyError("later") from error
    except KeyError:
        info = sys.exc_info()
    record = logging.LogRecord("any", logging.ERROR, "", 0, refused, (), info)
    assert WithoutVisitors().filter(record)
    line = logging.Formatter().format(record)
    assert "new row is wrong" in line
    assert "KeyError: 'later'" in line
    assert "words" not in line


def told(path, **fields):
    given = {"method": "GET", "status": 200, "took": timedelta(seconds=1)}
    line = request_line(path=path, **given | fields)
    assert len(line.splitlines()) == 1
    return json.loads(line)


def test_a_request_is_one_line_of_json_with_its_milliseconds():
    line = told("/status", took=timedelta(milliseconds=1.26))
    assert line.pop("time").endswith("+00:00")
    assert line == {"method": "GET", "path": "/status", "status": 200, "ms": 1.3}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/receipts/aB3_x-y/", "/receipts/-/"),
        ("/receipts/aB3_x-y", "/receipts/-"),
        ("/queue/7.aB3_x-y/feed/", "/queue/-/feed/"),
        ('/"},\r\n{"path": "/forged', '/"},\r\n{"path": "/forged'),
        ("/%s%(h)s\\", "/%s%(h)s\\"),
        ("/عربي".encode().decode("latin-1"), "/عربي"),
        ("/\xff", "/\ufffd"),
    ],
)
def test_no_path_forges_a_line_or_tells_a_token(path, shown):
    assert told(path)["path"] == shown
