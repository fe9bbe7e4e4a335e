import logging

import pytest

from config.logs import WithoutVisitors


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
        ("Is it there? Yes.", "Is it there? Yes."),
    ],
)
def test_a_line_loses_its_visitor_and_keeps_its_sense(line, kept):
    record = logging.LogRecord("any", logging.INFO, "", 0, "%s", (line,), None)
    assert WithoutVisitors().filter(record)
    assert record.getMessage() == kept
