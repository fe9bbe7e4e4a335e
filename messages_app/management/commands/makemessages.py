"""Django's `makemessages`, for catalogs in which nothing changes but the texts."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages
from django.utils.translation import to_locale

# What stands above the first text: who changed what and when is told by git, and here
# it would hold an address and change each time.
TOP = re.compile(r'(?:#.*\n)*msgid ""\nmsgstr ""\n((?:".*\n)+)\n*')
PLURAL = re.compile(r'"Plural-Forms:[^\\]*\\n"\n')
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Message Wall\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plural}
"""


class Command(makemessages.Command):
    help = "Writes the texts of the wall into the catalog of each of its languages."
    # A guess is no translation, and in a catalog it looks like one.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def handle(self, *args: Any, **options: Any) -> None:
        codes = {code for code, _ in settings.LANGUAGES} - {settings.LANGUAGE_CODE}
        options["locale"] = options["locale"] or sorted(map(to_locale, codes))
        options["extensions"] = options["extensions"] or ["html", "py", "txt", "xml"]
        # Where a text stands changes with each line above it.
        options.update(no_location=True, no_obsolete=True)
        super().handle(*args, **options)

    def write_po_file(self, potfile: str, locale: str) -> None:
        super().write_po_file(potfile, locale)
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        text = path.read_text(encoding="utf-8")
        if top := TOP.match(text):
            found = PLURAL.search(top[1])
            plural = found[0] if found else ""
            text = HEADER.format(language=locale, plural=plural) + text[top.end() :]
        path.write_text(text, encoding="utf-8")
