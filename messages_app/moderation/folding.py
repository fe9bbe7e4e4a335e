"""Texts so folded that what looks alike is alike: what blocked words are looked for in."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from messages_app.moderation import confusables
from messages_app.moderation.confusables import LINE, characters, script

# Never seen: joiners, marks of direction, fillers, variation selectors, tags; and the
# tatweel, which only draws an Arabic word out.
INVISIBLE = (
    "\u00ad\u034f\u061c\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Marks that any letter may carry, those of Latin, Greek and Cyrillic first of all; and
# vowel signs of Hebrew and Arabic, which are written or left out. Those of Indic scripts
# and of kana make other letters, and stay.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
# Tai scripts, Tibetan, Myanmar, Khmer, kana, Han: no space between words.
UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u3007\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
BECOMES, READINGS = confusables.tables()
TWINS = confusables.twins()
UNSEEN = str.maketrans(dict.fromkeys(characters(INVISIBLE + MARKS), ""))
FIRST = UNSEEN | str.maketrans(
    confusables.by_name(confusables.ENCLOSED, confusables.ENCLOSED_BLOCK)
    # Digits of any script; and what a domain's labels may be divided by.
    | {
        chr(code): str(unicodedata.decimal(chr(code)))
        for code in range(0x80, 0x20000)
        if chr(code).isdecimal()
    }
    | {"I": LINE, "。": "."}
)
SHAPES = str.maketrans(BECOMES)
# Coarser: letters that share a reading are one. What differs here can never agree.
COARSE = str.maketrans(
    confusables.merged((one, other) for one in READINGS for other in READINGS[one])
)
# Where words end, so that a phrase is found whatever divides it.
DIVIDERS = str.maketrans(
    {
        chr(code): " "
        for code in [*range(0x3100), *range(0x1F000, 0x1FB00)]
        if unicodedata.category(chr(code))[0] in "PSZC"
    }
)
PUNCTUATION = "".join(
    chr(code) for code in DIVIDERS if unicodedata.category(chr(code))[0] == "P"
)
# The apostrophe of "he'll" divides two words, that of "via'gra" none.
DIVIDED = re.compile(
    r"(?<=[^\W\d_])(?:[-‐–._*~·•^`+=/|]+|['’](?!(?:ll|re|ve|[stdm])\b))(?=[^\W\d_])"
)
# Signs that stand for letters, where each letter stands alone.
BETWEEN_LETTERS = {at: to for at, to in DIVIDERS.items() if chr(at) not in READINGS}
WORD = re.compile(r"[^\W\d_]+")
NOT_LATIN = re.compile("[^\0-\u02af]+")
# A word of fewer letters is often one of another script too: cop and сор.
SHORTEST_DISGUISE = 5
SPELLED_OUT = re.compile(r"(?<!\S)\S(?: \S){2,}(?!\S)")


def fold(text: str) -> str:
    """Return the text without what hides a word: each letter as the one it looks like.

    A capital I, which may be an l, is a sign of its own. Folding twice changes nothing.
    """
    if text.isascii():
        folded = text.replace("I", LINE).lower()
    else:
        folded = bare(text).casefold()
        # Decomposed once more: there are small letters that only then have a mark.
        folded = unicodedata.normalize("NFKD", folded).translate(FIRST)
        folded = unicodedata.normalize("NFC", folded.translate(SHAPES))
    return " ".join(folded.split())


def gist(text: str) -> bytes:
    """Return the same 16 bytes for all texts that a reader takes for the same.

    Case, spaces, disguises and the punctuation at the end make no other text.
    """
    said = "".join(fold(text.casefold()).split())
    told = said.rstrip(PUNCTUATION) or said
    return hashlib.sha256(told.encode()).digest()[:16]


def bare(text: str) -> str:
    return unicodedata.normalize("NFKD", text).translate(FIRST)


def fold_latin(text: str) -> str:
    """Return what stands in Latin letters, folded: another script may touch a word."""
    return "" if text.isascii() else fold(NOT_LATIN.sub(" ", bare(text)))


def agree(one: str, other: str) -> bool:
    """Return whether two folded characters can be read as the same."""
    return (
        one == other or other in READINGS.get(one, ()) or one in READINGS.get(other, ())
    )


def is_like(one: str, other: str) -> bool:
    """Return whether two folded texts can be read as the same."""
    if one == other:
        return True
    # What is a number is no word, nor the other way round; and what only looks like a
    # word, without one of its letters, is a word of its own script, or drawn with signs.
    is_drawn = len({*one}) > 1 and not any(map(str.isalnum, one))
    return (
        len(one) == len(other)
        and not (one.isdecimal() or other.isdecimal())
        and (
            is_drawn
            or any(a == b or LINE in (a, b) for a, b in zip(one, other, strict=True))
        )
        and all(map(agree, one, other))
    )


def is_inside_word(text: str, at: int) -> bool:
    """Return whether no word can begin or end between this character and the last."""
    sides = text[at - 1 : at + 1] if at else ""
    return len(sides) == 2 and all(
        (side.isalnum() or unicodedata.category(side)[0] == "M")
        and not UNSPACED.match(side)
        for side in sides
    )


@dataclass(frozen=True)
class Needle:
    """A word or phrase that is looked for."""

    text: str

    @cached_property
    def folded(self) -> str:
        return fold(self.text.casefold())

    @cached_property
    def coarse(self) -> str:
        return self.folded.translate(COARSE)

    @cached_property
    def joined(self) -> "Needle":
        """The phrase written as one word."""
        return Needle(self.folded.replace(" ", ""))

    @cached_property
    def alphabet(self) -> str:
        """The script of a word so short that other scripts may have one like it."""
        letters = WORD.findall(unicodedata.normalize("NFKC", self.text))
        scripts = {script(letter) for letter in "".join(letters)}
        is_short = len("".join(letters)) < SHORTEST_DISGUISE
        return scripts.pop() if is_short and len(scripts) == 1 else ""


@dataclass(frozen=True)
class Folded:
    """A folded text to look into."""

    text: str

    @cached_property
    def coarse(self) -> str:
        return self.text.translate(COARSE)

    def places(self, needle: Needle) -> Iterator[tuple[int, int]]:
        """Yield where the word begins and ends."""
        length, at = len(needle.folded), -1
        while (at := self.coarse.find(needle.coarse, at + 1)) >= 0:
            if is_like(self.text[at : at + length], needle.folded):
                yield at, at + length


class Reading:
    """Texts in all the ways in which a reader may divide them into words."""

    def __init__(self, texts: Iterable[str]) -> None:
        lines: list[str] = []
        joined: list[str] = []
        for text in texts:
            folded = fold(text)
            words = " ".join(folded.translate(DIVIDERS).split())
            lines += [folded, words, DIVIDED.sub("", folded), fold_latin(text)]
            apart = " ".join(folded.translate(BETWEEN_LETTERS).split())
            for line in (apart, words):
                joined += [run.replace(" ", "") for run in SPELLED_OUT.findall(line)]
        self.words = Folded("\n".join(dict.fromkeys(lines)))
        self.spelled_out = Folded("\n".join(joined))

    def has(self, needle: Needle, *, anywhere: bool) -> bool:
        text = self.words.text
        if needle.coarse in self.words.coarse and any(
            anywhere or not (is_inside_word(text, at) or is_inside_word(text, end))
            for at, end in self.words.places(needle)
        ):
            return True
        # Where letters stand one by one, nobody knows where words end.
        return len(needle.folded) > 2 and any(self.spelled_out.places(needle))


class Haystack:
    """What was written, to look for words in."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.readings = {"": Reading(texts)}

    def has(self, needle: Needle, *, anywhere: bool = False) -> bool:
        """Return whether the word is in it: as a word, or also inside of others."""
        if not needle.folded:  # nothing of it can be seen
            return False
        reading = self.read_in(needle.alphabet)
        return reading.has(needle, anywhere=anywhere) or (
            " " in needle.folded
            and len(needle.joined.folded) >= SHORTEST_DISGUISE
            and reading.has(needle.joined, anywhere=anywhere)
        )

    def read_in(self, alphabet: str) -> Reading:
        """Return it as who writes this script reads it."""
        if alphabet not in self.readings:
            texts = without_others(self.texts, alphabet)
            is_all = texts == list(self.texts)
            self.readings[alphabet] = self.readings[""] if is_all else Reading(texts)
        return self.readings[alphabet]


def without_others(texts: Sequence[str], alphabet: str) -> list[str]:
    """Return texts without the words that are plain ones of another script.

    Such a word stands for one of this script only where most letters are of this script,
    and if each of its own is the twin of one.
    """
    if alphabet in ("", "LATIN") and all(map(str.isascii, texts)):
        return list(texts)
    shown = [unicodedata.normalize("NFKC", text).translate(UNSEEN) for text in texts]
    letters = Counter(script(each) for text in shown for each in text if each.isalpha())
    is_at_home = letters[alphabet] * 2 > letters.total()

    def unless_plain(word: re.Match[str]) -> str:
        scripts = set(map(script, word[0]))
        is_own = alphabet in scripts or len(scripts) > 1
        return word[0] if is_own or (is_at_home and TWINS.issuperset(word[0])) else " "

    return [WORD.sub(unless_plain, text) for text in shown]
