"""What a visitor's text may hold: cleaned so that it shows as meant in any script."""

import re
import unicodedata

# Controls (C0, DEL, C1) but tab and newline, halves of surrogate pairs, and the code
# points that are no characters: none can be shown, and NUL ends a text in PostgreSQL.
REFUSED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}"
        for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)
# Bidirectional embeddings, overrides and isolates reorder what stands around a message;
# U+FEFF is a byte-order mark. Kept are the joiners (U+200C, U+200D), the marks of
# direction (U+200E, U+200F) and U+200B: Persian, Hindi, Hebrew, Thai and emoji need them.
REMOVED = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
LINE_ENDS = re.compile("\r\n?|\u2028|\u2029")
# Space, and all that Unicode calls ignorable by default: joiners, marks of direction,
# variation selectors, tags, fillers; with the blank Braille cell and the null notehead.
INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Tibetan stacks nine marks on a letter, the most of any living script; and one to spare.
MARKS_PER_LETTER = 10


def find_refused(text: str) -> list[str]:
    """Return each character of the text that no message may hold, once."""
    # Nearly all texts are printable, which is known ten times faster.
    if text.isprintable() or not REFUSED.search(text):
        return []
    return sorted(set(REFUSED.findall(LINE_ENDS.sub("\n", text))))


def show_refused(text: str) -> str:
    """Return the text with a visible picture in place of each refused character."""
    return REFUSED.sub(
        lambda found: (
            chr(0x2400 + ord(found[0]))
            if found[0] < " "
            else "\u2421"
            if found[0] == "\x7f"
            else "\ufffd"
        ),
        LINE_ENDS.sub("\n", text),
    )


def clean(text: str) -> str:
    """Return the text as it is stored: same words, one spelling, nothing that misleads.

    Cleaning twice changes nothing more.
    """
    text = REMOVED.sub("", LINE_ENDS.sub("\n", text))
    # Stacks are cut before normalising, whose sorting of marks takes quadratic time,
    # and after it, for it takes some letters apart.
    previous = None
    while text != previous:
        previous = text
        text = unicodedata.normalize("NFC", cut_stacks(text))
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def clean_line(text: str) -> str:
    """Return the text cleaned, on one line, with single spaces: a name."""
    return " ".join(clean(text).split())


def cut_stacks(text: str) -> str:
    """Return the text with at most MARKS_PER_LETTER combining marks on each letter."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Mn", "Me") or unicodedata.combining(character):
            marks += 1
            if marks > MARKS_PER_LETTER:
                continue
        elif category != "Cf":  # joiners stand within a letter
            marks = 0
        kept.append(character)
    return "".join(kept)


def is_blank(text: str) -> bool:
    """Return whether nothing of the text would be seen."""
    return not text or bool(INVISIBLE.fullmatch(text))
