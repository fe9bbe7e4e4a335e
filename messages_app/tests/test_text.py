import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app import text

LIVING = {
    "Arabic with vowel marks": "ٱلسَّلَامُ عَلَيْكُمْ",
    "Hebrew with points and accents": "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
    "Hindi with joiners": "क्‍ष क्‌ष श्री नमस्ते",
    "Thai": "น้ำใจ ที่นี่ เป็นอยู่",
    "Vietnamese": "Tiếng Việt thật đẹp",
    "Persian with a non-joiner": "می‌خواهم",
    "Tibetan of nine marks": "ཧྐྵྨླྺྼྻྂ",
    "Burmese": "မြန်မာဘာသာ",
    "Khmer": "ភាសាខ្មែរ",
    "Korean": "한국어 문장",
    "Japanese with an indent": "\u3000吾輩は猫である。",
    "Malayalam": "മലയാളം ന്‍",
    "family": "👨‍👩‍👧‍👦",
    "flag of England": "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "rainbow flag": "🏳️‍🌈",
    "keycap": "1️⃣",
    "heart as text and as picture": "❤︎ ❤️",
    "direction marks": "C++\u200e, \u200f2026\u200f",
    "Vietnamese, decomposed": unicodedata.normalize("NFD", "Tiếng Việt"),
    "Mongolian with a variation selector": "ᠮᠣᠩᠭᠣᠯ\u180b",
    "old Korean": "\u1112\u119e\u11ab",
    "a keycap": "5\ufe0f\u20e3",
    "ideographic variation": "葛\U000e0100",
}


@pytest.mark.parametrize("written", LIVING.values(), ids=LIVING)
def test_a_living_script_comes_through_unharmed(written):
    assert text.find_refused(written) == []
    assert text.clean(written) == unicodedata.normalize("NFC", written)


@given(st.text())
def test_cleaning_twice_changes_nothing_more(written):
    assert text.clean(text.clean(written)) == text.clean(written)


# Letters, marks and joiners crowded together: where cutting and composing meet.
CROWDED = st.text(
    st.sampled_from("aé가각ক\u09be\u09c7\u0301\u0323\u0327\u0591\u05bc\ufb2c\u200d \n"),
    max_size=60,
)


@given(CROWDED)
def test_cleaning_is_stable_where_marks_crowd(written):
    cleaned = text.clean(written)
    assert text.clean(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_letters_numbers_and_signs_are_all_kept(written):
    written = text.REFUSED.sub("", written)
    assert text.clean(written) == unicodedata.normalize("NFC", written)


@given(st.text())
def test_what_is_shown_of_a_refused_text_is_not_refused(written):
    assert text.find_refused(text.show_refused(written)) == []


@given(st.text(), st.integers(11, 3000))
def test_no_letter_carries_a_tower_of_marks(before, height):
    cleaned = text.clean(f"{before}e" + "\u0301\u0323" * height)
    run = longest = 0
    for character in cleaned:
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        longest = max(longest, run)
    assert longest <= text.MARKS_PER_LETTER


def test_a_stack_stands_as_high_as_any_script_builds_and_one_more():
    assert text.clean("x" + "\u0f90" * 12) == "x" + "\u0f90" * 10
    assert text.clean("x" + "\u20dd" * 12) == "x" + "\u20dd" * 10
    assert text.clean("x" + "\U0001d165" * 12) == "x" + "\U0001d165" * 10


def test_a_tower_hidden_behind_joiners_is_cut_too():
    assert len(text.clean("e" + "\u0316\u200d" * 50)) <= 2 * 50 + 1 - 40


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x7f", "\x85", "\ufffe", "\U0010ffff", "\ud800"]
)
def test_what_cannot_be_shown_is_found(character):
    assert text.find_refused(f"a{character}b{character}") == [character]


def test_nothing_that_is_refused_passes_as_printable():
    every = map(chr, range(sys.maxunicode + 1))
    refused = list(filter(text.REFUSED.match, every))
    assert len(refused) == 2_048 + 32 + 34 + 63  # surrogates, no characters, controls
    assert not any(map(str.isprintable, refused))


def test_tab_and_every_kind_of_line_end_are_no_controls():
    assert text.find_refused("a\tb\nc\r\nd\re\u2028f") == []
    assert text.clean("a\tb\nc\r\nd\re\u2028f") == "a\tb\nc\nd\ne\nf"


def test_overrides_of_direction_are_taken_out():
    assert text.clean("\u202eabc\u202c\u2066d\u2069\ufeff") == "abcd"


def test_space_at_line_ends_and_empty_lines_around_are_cut():
    assert text.clean("\n \n  first \t\n\n second\u3000\n\n") == "  first\n\n second"


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " \n\t",
        "\u200b\u200d",
        "\u2065\ufff0",
        "\U000e01f0",
        "\u3164",
        "\u2800",
        "\ufe0f",
        "\u00a0",
    ],
)
def test_a_text_of_which_nothing_is_seen_is_blank(blank):
    assert text.is_blank(text.clean(blank))


@pytest.mark.parametrize("seen", ["\u06dd", "\u0600", ".", "\u200b.", "👍", "क्"])
def test_a_text_of_which_something_is_seen_is_not_blank(seen):
    assert not text.is_blank(text.clean(seen))


def test_a_name_is_one_line():
    assert text.clean_line("  Ada\n\tLovelace\u3000 ") == "Ada Lovelace"
