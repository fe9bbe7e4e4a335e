"""Texts so folded that what looks alike is alike: what blocked words are looked for in."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from messages_app.moderation import confusables
from messages_app.moderation.confusables import LINE, characters, script

# Never seen, beside all that Unicode calls a format character: joiners, fillers, variation
# selectors, tags, stand-ins for what is lost; and the tatweel, which only draws an Arabic
# word out.
INVISIBLE = (
    "\u034f\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u2d7f\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffc\ufffd\U0001107f\U00016fe4\U0001d159"
    "\U000e0000-\U000e0fff"
)
# Marks that any letter may carry, those of Latin, Greek and Cyrillic first of all; and
# vowel signs of Hebrew and Arabic, which are written or left out. Those of Indic scripts
# and of kana make other letters, and stay on these.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
# Tai scripts, Tibetan, Myanmar, Khmer, kana, Han: no space between words.
UNSPACED_RANGES = (
    "\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u3007\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{UNSPACED_RANGES}]")
BECOMES, READINGS = confusables.tables()
TWINS = confusables.twins()
KNOWN = "\0-\U0001ffff"  # beyond there are but Chinese signs
category = unicodedata.category
UNSEEN = str.maketrans(
    dict.fromkeys(characters(INVISIBLE + MARKS), "")
    | {one: "" for one in characters(KNOWN) if category(one) == "Cf"}
)
FIRST = UNSEEN | str.maketrans(
    confusables.by_name(confusables.ENCLOSED, confusables.ENCLOSED_BLOCK)
    # Digits of any script, also in circles.
    | {
        one: str(unicodedata.digit(one))
        for one in characters(KNOWN)
        if one.isdigit() and not one.isascii()
    }
    | confusables.SAME
    # What a domain's labels may be divided by; letters that are written as apostrophes.
    | {"I": LINE, "。": "."}
    | dict.fromkeys(characters("\u02b9-\u02df\u02ec-\u02ff\ua4f8-\ua4fd\ua789"), "'")
)
SHAPES = str.maketrans(BECOMES)
# Coarser: letters that share a reading are one. What differs here can never agree.
COARSE = str.maketrans(
    confusables.merged((one, other) for one in READINGS for other in READINGS[one])
)
SIGNS = [
    one
    for one in map(chr, [*range(0x3100), *range(0x1F000, 0x1FB00)])
    if category(one)[0] in "PSC" and not one.isspace()
]
PUNCTUATION = "".join(one for one in SIGNS if category(one)[0] == "P")
# Those that also stand where no sentence has any: between the letters of a word.
ODD_SIGNS = "-‐–—_.*~·•^`+=/" + "".join(
    one
    for one in SIGNS
    if category(one)[0] == "S" and (one not in READINGS or one > "\uffff")
)
# A capital with which a sentence begins: no other stands after it.
CAPITALS = "".join(filter(str.isupper, map(chr, range(0x590))))
CAPITAL = f"[{CAPITALS}](?![{CAPITALS}])"
# Phrases go on neither beyond the end of a sentence nor beyond a blank line.
SENTENCE_END, BLANK_LINE = "\1", "\2"
END_OF_SENTENCE = re.compile(rf"([.!?…][\"'”’»)]*\s+)(?=[\"'“‘«(¿¡]*{CAPITAL})")
# Where words end, so that a phrase is found whatever divides it.
DIVIDERS = str.maketrans(dict.fromkeys(SIGNS, " "))
WITHIN_SENTENCE = {
    at: to for at, to in DIVIDERS.items() if chr(at) not in (SENTENCE_END, BLANK_LINE)
}
# Between letters that stand alone: odd signs; all; all but those that stand for letters.
APART = [
    {at: to for at, to in DIVIDERS.items() if chr(at) in signs}
    for signs in (
        {*ODD_SIGNS, SENTENCE_END, BLANK_LINE},
        {*SIGNS},
        {*SIGNS} - READINGS.keys(),
    )
]
WORD = re.compile(r"[^\W\d_]+")
NOT_LATIN = re.compile("[^\0-\u02af]+")
# A word of fewer letters is often one of another script too: cop and сор.
SHORTEST_DISGUISE = 5
LEFT = frozenset(
    one
    for one in characters(KNOWN)
    if category(one)[0] == "M" and ord(one) not in UNSEEN
)
# Marks that a letter of Latin, Greek or Cyrillic never has.
STRAY = re.compile(
    f"(?<=[\0-\u052f{confusables.LATIN_BLOCKS}])[{confusables.ranges(LEFT)}]+"
)
MARK = confusables.ranges(one for one in LEFT if one <= "\uffff")
LETTER = rf"[\w{re.escape(''.join(READINGS))}][{MARK}]*"
SPELLED_OUT = re.compile(rf"(?<![\w{MARK}'’]){LETTER}(?:\s+{LETTER})+(?![\w{MARK}])")
# Written together in twos: Han, kana, Hangul.
SYLLABLE = "[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
SYLLABLES = re.compile(f"{SYLLABLE}+")
GAP = rf"[\s{confusables.ranges(SIGNS)}]+"
# Without this nothing is spelled out, which is sooner known than what is.
ALONE = re.compile(
    rf"(?<![^\W_])(?:{LETTER}{GAP}){{2}}{LETTER}(?![^\W_])|{SYLLABLE}{GAP}{SYLLABLE}"
)
ONE_LETTER_WORDS = f"^[a{LINE}]", f"[a{LINE}]$"
HANGUL = re.compile("[\uac00-\ud7a3]{2,}")
# A small l among capitals is one more of them.
SMALL_L = re.compile(
    rf"l(?:(?<=[{CAPITALS}]l)(?=[{CAPITALS}])"
    rf"|(?<!\wl)(?=[{CAPITALS}]{{2}})|(?<=[{CAPITALS}]{{2}}l)(?!\w))"
)


def between_letters(signs: Iterable[str], *, but: str = "") -> re.Pattern[str]:
    """Match what divides a word of letters but these.

    It is not the apostrophe of "he'll", but that of "via'gra".
    """
    sign, letter = (
        confusables.ranges(signs),
        rf"[^\d\s{confusables.ranges(SIGNS)}{but}]",
    )
    contraction = r"(?<=['’])['’]*(?:ll|re|ve|[stdm])(?![\w'’])"
    return re.compile(rf"[{sign}](?<={letter}.)(?!{contraction})[{sign}]*(?={letter})")


DIVIDED = between_letters(ODD_SIGNS + "'’")
# Where no space does, commas divide clauses.
BROKEN = between_letters(SIGNS, but=UNSPACED_RANGES)


def fold(text: str) -> str:
    """Return the text without what hides a word: each letter as the one it looks like.

    A capital I, which may be an l, is a sign of its own. Folding twice changes nothing.
    """
    return " ".join(shapes(text).split())


def shapes(text: str) -> str:
    """Return the text folded, with all of its spaces."""
    text = SMALL_L.sub("I", text)
    if text.isascii():
        return text.replace("I", LINE).lower()
    folded = bare(text).casefold()
    # Decomposed once more: there are small letters that only then have a mark.
    folded = unicodedata.normalize("NFKD", folded).translate(FIRST).translate(SHAPES)
    if not LEFT.isdisjoint(folded):
        folded = STRAY.sub("", folded)
    return unicodedata.normalize("NFC", folded)


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
        # III is a number, which may be written iii.
        and (LINE * len(one) not in (one, other) or len({*one, *other}) < 3)
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
        (side.isalnum() or category(side)[0] == "M") and not UNSPACED.match(side)
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
    def is_long(self) -> bool:
        """Whether it has so many letters that nobody writes them by chance."""
        count = sum(category(each)[0] != "M" for each in self.folded)
        return count >= SHORTEST_DISGUISE

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

    def has(self, needle: Needle, *, anywhere: bool) -> bool:
        return needle.coarse in self.coarse and any(
            anywhere
            or not (is_inside_word(self.text, at) or is_inside_word(self.text, end))
            for at, end in self.places(needle)
        )


class Reading:
    """Texts in all the ways in which a reader may divide them into words."""

    def __init__(self, texts: Iterable[str]) -> None:
        lines: list[str] = []
        broken: list[str] = []
        spelled_out: list[str] = []
        for text in texts:
            text = re.sub(r"\n\s*\n", f" {BLANK_LINE} ", text)
            text = END_OF_SENTENCE.sub(rf"\1{SENTENCE_END} ", text)
            shown = shapes(text)
            folded = " ".join(shown.split())
            words = " ".join(folded.translate(WITHIN_SENTENCE).split())
            folded = folded.replace(f"{SENTENCE_END} ", "")
            lines += [folded, words, DIVIDED.sub("", folded), fold_latin(text)]
            chunks = {*BROKEN.sub("", folded).split()}
            broken += chunks.difference(folded.split())
            if ALONE.search(shown):
                odd, *others = (list(runs(shown.translate(apart))) for apart in APART)
                lines += odd
                spelled_out += chain(odd, *others)
        self.words = Folded("\n".join(dict.fromkeys(lines)))
        self.broken = Folded("\n".join(broken))
        self.spelled_out = Folded("\n".join(dict.fromkeys(spelled_out)))
        self.hidden = f"{self.broken.coarse}\n{self.spelled_out.coarse}"

    def has(self, needle: Needle, *, anywhere: bool) -> bool:
        if self.words.has(needle, anywhere=anywhere):
            return True
        if needle.coarse not in self.hidden:
            return False
        # Where letters stand one by one, nobody knows where words end.
        if needle.is_long and self.spelled_out.has(needle, anywhere=True):
            return True
        is_enough = needle.is_long or HANGUL.fullmatch(needle.folded)
        return bool(is_enough) and self.broken.has(needle, anywhere=anywhere)


def runs(text: str) -> Iterator[str]:
    """Yield what is spelled out, each letter standing alone, as a word."""
    for run in SPELLED_OUT.findall(text):
        # Where gaps differ, the wider ones are between words.
        for part in {run, *re.split(r"\s{2,}", run)}:
            word = "".join(part.split())
            if len(part.split()) > 2 or SYLLABLES.fullmatch(word):
                yield word
                # "A" and "I" may be words of their own.
                yield from (re.sub(end, "", word) for end in ONE_LETTER_WORDS)


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
