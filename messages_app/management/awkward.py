"""Texts that burst a page which is not made for them."""

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
