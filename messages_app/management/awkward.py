"""Texts that go wrong where they are not thought of: for made-up walls, and for tests."""

# What bursts a page that is not made for it.
HOSTILE = {
    "long-word": "Donaudampfschiff" * 20,
    "long-address": "https://example.org/"
    + "path/" * 10
    + "x" * 300
    + "?q="
    + "y" * 200,
    "huge-emoji": "👩‍👩‍👧‍👦" * 40 + " 🏴󠁧󠁢󠁳󠁣󠁴󠁿 " + "👍🏽" * 30 + "𒐫" * 10 + "﷽" * 5,
    "accents": ("Z" + "\u0301\u0316\u0327\u0488" * 8) * 40,
    "right-to-left": "هذه رسالة بالعربية، وفيها رابط https://example.org/ ورقم 42.",
    "both-directions": "שלום world עולם hello " * 10,
    "wide-scripts": "한국어日本語中文" * 40,
    "no-break": "a\u00a0" * 200 + "\u2060".join("joined" * 40),
    "lines": "\n".join(str(number) for number in range(40)),
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)><b>bold",
}

# What is taken for nothing, or for something else.
ODD = [
    "x",
    "0",
    "None",
    "。",
    "👋",
    "{{ message }} {% block content %} %(name)s ${HOME}",
    "'; DROP TABLE messages; --",
    "  two  spaces\tand a tab",
    "&lt;already escaped&gt; &amp;amp;",
    "e\u0301 and \u00e9 are one letter",
    "\u200fשלום\u200e (a mark of direction)",
    "https://example.org/?a=1&b=2#c, (https://example.org/d).",
]
