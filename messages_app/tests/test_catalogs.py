"""The catalogs of translations are whole, and what is compiled is what was written."""

import ast
import gettext
import re
from collections import Counter
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

CODES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\}|%(?!\()")
SUFFIXES = {".py", ".html", ".txt", ".xml"}
TRANSLATES = re.compile(r"_|n?gettext(_lazy)?")
IN_A_TEMPLATE = re.compile(
    r"""(?:gettext|\b_)\((u?(['"])(?:\\.|(?!\2).)*\2)""", re.DOTALL
)
TAG = re.compile(r"</?\w[^>]*>")


def path(code):
    return Path(settings.LOCALE_PATHS[0], to_locale(code), "LC_MESSAGES", "django.po")


@pytest.fixture(params=CODES)
def catalog(request):
    return polib.pofile(path(request.param))


def forms(catalog):
    """Return how many of the first thousand numbers each plural form is for."""
    plural = catalog.metadata["Plural-Forms"]
    total, rule = re.fullmatch(r"nplurals=(\d); plural=(.+);", plural).groups()
    used = Counter(map(gettext.c2py(rule), range(1000)))
    assert set(used) == set(range(int(total)))
    return used


def texts_in_python(source):
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(name), args=[ast.Constant(str(text)), *_]):
                if TRANSLATES.fullmatch(name):
                    yield text


def texts_in_template(source):
    for found in IN_A_TEMPLATE.finditer(templatize(source)):
        yield ast.literal_eval(found[1])


def test_the_catalogs_hold_the_texts_of_the_wall_and_no_others(catalog):
    texts = set()
    for root in "templates", "messages_app", "config":
        for file in (settings.BASE_DIR / root).rglob("*"):
            if "tests" in file.parts or file.suffix not in SUFFIXES:
                continue
            find = texts_in_python if file.suffix == ".py" else texts_in_template
            texts.update(find(file.read_text()))
    assert texts == {entry.msgid for entry in catalog}


def test_every_text_is_translated(catalog):
    assert [entry.msgid for entry in catalog if not entry.translated()] == []
    assert not catalog.obsolete_entries()


def test_every_plural_has_its_forms(catalog):
    used = forms(catalog)
    for entry in catalog:
        if entry.msgid_plural:
            assert set(entry.msgstr_plural) == set(used), entry.msgid
            assert all(entry.msgstr_plural.values()), entry.msgid


def test_translations_have_the_placeholders_and_markup_of_the_text(catalog):
    used = forms(catalog)
    for entry in catalog:
        translations = entry.msgstr_plural or {None: entry.msgstr}
        for form, text in translations.items():
            text_of_source = f"{entry.msgid}{entry.msgid_plural}"
            expected = set(PLACEHOLDER.findall(text_of_source))
            found = set(PLACEHOLDER.findall(text))
            # The form of one number alone may say it in words: once, twice.
            says_it = form is not None and used[form] == 1
            assert found <= expected if says_it else found == expected, text
            assert sorted(TAG.findall(text)) == sorted(TAG.findall(entry.msgid)), text


def test_all_catalogs_have_the_same_texts():
    first, *others = (
        {(e.msgid, e.msgctxt) for e in polib.pofile(path(c))} for c in CODES
    )
    assert all(other == first for other in others)


def test_what_is_compiled_is_what_was_written(catalog):
    compiled = polib.mofile(str(Path(catalog.fpath).with_suffix(".mo")))
    assert compiled.metadata == catalog.metadata
    assert {(e.msgid, e.msgstr, *e.msgstr_plural.values()) for e in compiled} == {
        (e.msgid, e.msgstr, *e.msgstr_plural.values()) for e in catalog
    }


def test_no_catalog_tells_who_wrote_it_or_when(catalog):
    assert set(catalog.metadata) == {
        "Project-Id-Version",
        "Language",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Plural-Forms",
    }
    assert catalog.metadata["Project-Id-Version"] == "Message Wall"
    assert not catalog.header
