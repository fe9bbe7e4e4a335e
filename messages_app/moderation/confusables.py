"""Which characters look like which: tables made of Unicode's (TR 39) and of names.

A character that looks like one letter becomes that letter. One that looks like two, or
like the same letter as another of its script, stays itself and has readings instead: I is
an i or an l, yet "mail" is not "mall"; a Greek η is an n or an h.
"""

import re
import string
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

from confusable_homoglyphs.utils import load

LINE = "ı"  # a capital I, and whatever looks like a bare line
ASCII_ONES = {*string.ascii_lowercase, *string.digits, LINE}
# What Unicode's table does not tell: of a letter's other case, of digits and signs written
# for letters, and of the letters of far scripts that are taken for ours.
PAIRS = (
    "η=nh ŋ=n θ=o σ=oc γ=y λ=a к=kc ь=b п=n и=nu я=r з=3 б=6b ч=4 д=a ш=w ц=u ҁ=c ⲁ=a "
    "Ꮖ=i μ=u ĸ=k 0=o 3=e 4=a 5=s 7=t 8=b 9=g +=t §=s √=v ❌=x ∀=a @=a $=s ¡=i ©=c ®=r "
    "₿=b ฿=b ₮=t ₭=k ₣=f ₲=g ₳=a ₴=s €=e ¢=c ₵=c £=l ₦=n ₩=w ¥=y "
    "ᗩ=a ᑕ=c ᗴ=e ᖴ=f ᘜ=g ᗰ=m ᑎ=n ᔕ=s ᗯ=w ค=a ร=s ຣ=s ຮ=s ก=n ກ=n ຖ=n ๏=o "
    "卂=a 匚=c 乇=e 几=n 尺=r 丂=s 丅=t"
)
# One letter on the keyboards of several languages.
SAME = {"ک": "ك", "ڪ": "ك", "ی": "ي", "ى": "ي", "ھ": "ه", "ہ": "ه", "ٱ": "ا"}
READINGS = dict(pair.split("=") for pair in PAIRS.split())
READINGS |= {LINE: "il", "1": "il" + LINE, "|": "il" + LINE, "!": "il" + LINE}
# Small capitals, and letters struck, hooked, turned, ...: what Unicode calls variants.
LATIN = re.compile(
    "LATIN (?:SMALL |CAPITAL )?LETTER (?:(?:SMALL CAPITAL|SCRIPT|OPEN|TURNED|REVERSED"
    "|INSULAR|BLACKLETTER|STRETCHED|SIDEWAYS|TOP HALF|BOTTOM HALF) )*"
    "([A-Z])(?: WITH .*)?"
)
LATIN_BLOCKS = (
    "\u0080-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f"
)
# Ⓒ and 🄲 fold by NFKD; 🅒, 🆂, 🆗 and the letters that flags are made of do not.
ENCLOSED = re.compile(
    "(?:(?:CROSSED )?NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER"
    "|(?:NEGATIVE )?SQUARED|REGIONAL INDICATOR SYMBOL LETTER) ([A-Z]+)"
)
ENCLOSED_BLOCK = "\U0001f100-\U0001f1ff"


def characters(ranges: str) -> Iterator[str]:
    """Yield what stands in ranges that are written as in a regular expression."""
    for first, last in re.findall(r"(.)(?:-(.))?", ranges, re.DOTALL):
        yield from map(chr, range(ord(first), ord(last or first) + 1))


def ranges(characters: Iterable[str]) -> str:
    """Return ranges of characters as in a regular expression, which is quick with few."""
    codes = enumerate(sorted(map(ord, {*characters})))
    groups = [list(group) for _, group in groupby(codes, lambda one: one[1] - one[0])]
    return "".join(
        f"{re.escape(chr(group[0][1]))}-{re.escape(chr(group[-1][1]))}"
        for group in groups
    )


def by_name(names: re.Pattern[str], ranges: str) -> dict[str, str]:
    """Return the letters that the names of these characters tell, in small."""
    return {
        character: found[1].lower()
        for character in characters(ranges)
        if (found := names.fullmatch(unicodedata.name(character, "")))
    }


def plain(shown: str) -> str:
    """Return an entry of Unicode's table in small, as one letter if it is one."""
    # What is written from right to left stands between marks of direction there.
    bare = "".join(
        part
        for part in unicodedata.normalize("NFKD", shown.strip("\u200e"))
        if not unicodedata.combining(part)
    )
    # The table spells m as rn, and takes an l for what a bare line is.
    return {"rn": "m", "l": LINE, "|": LINE}.get(bare, bare.casefold())


def alike() -> Iterator[tuple[str, str]]:
    """Yield pairs, in small, that Unicode calls confusable: of letters, both ways, and
    of a sign and the letter that it looks like."""
    for one, others in load("confusables.json").items():
        for other in others:
            pair = plain(one), plain(other["c"])
            if all(len(side) == 1 and side.isalnum() for side in pair) or (
                is_sign(pair[0]) and pair[1] in ASCII_ONES
            ):
                yield pair


def is_sign(shown: str) -> bool:
    return len(shown) == 1 and unicodedata.category(shown) in ("Sm", "So")


def twins() -> frozenset[str]:
    """Return what looks like a letter from A to Z of the very case it is in."""
    return frozenset(
        one
        for one, others in load("confusables.json").items()
        if any(
            other["c"] in string.ascii_letters and one.islower() == other["c"].islower()
            for other in others
        )
    )


@cache
def script(character: str) -> str:
    """Return the script that the name of a character tells."""
    return unicodedata.name(character, "-").split()[0]


def merged(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what each becomes when all that the pairs connect is one, the least of it."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        group = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(group, group)
    return {one: min(group) for one, group in groups.items()}


def tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return what each letter in small becomes, and the readings of those that stay."""
    pairs = list(alike())
    looks: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        if other in ASCII_ONES and one not in ASCII_ONES and not one.isdecimal():
            looks[one] |= {*READINGS[LINE], LINE} if other == LINE else {other}
    becomes = by_name(LATIN, LATIN_BLOCKS)
    readings, taken = dict(READINGS), set()
    for one, shapes in sorted(looks.items()):
        if one in readings or one in becomes:
            continue
        shape = LINE if shapes == {*READINGS[LINE], LINE} else min(shapes)
        own = script(one), shape
        is_one = one.isalnum() and (len(shapes) == 1 or shape == LINE)
        if script(one) == "LATIN" or (is_one and shape.isalpha() and own not in taken):
            becomes[one] = shape
            taken.add(own)
        else:
            readings[one] = "".join(sorted(shapes))
    rest = [
        pair
        for pair in pairs
        if script(pair[0]) != script(pair[1])
        and not {*pair} & (becomes.keys() | readings.keys() | ASCII_ONES)
    ]
    return merged(rest) | becomes, readings
