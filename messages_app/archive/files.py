"""Files as operators name them: whole under their name or not there, read as they come."""

import codecs
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

LONGEST_LINE = 2**20  # bytes; the longest message has an eighth, escaped as it may be


class Damaged(ValueError):
    """The file is not, or not wholly, what it should be."""


@contextmanager
def writing(path: str | None, stdout: Any) -> Iterator[IO[bytes]]:
    """Yield a file that has its name only once all is on the disk; or standard output.

    For its owner's eyes only. What is left after `kill -9` ends in .partial.
    """
    if path is None or (os.path.exists(path) and not os.path.isfile(path)):
        with open(path, "wb") if path else nullcontext() as device:
            yield device or stdout.buffer
            (device or stdout.buffer).flush()
        return
    target = Path(path).resolve()
    with NamedTemporaryFile(
        dir=target.parent, prefix=f"{target.name}.", suffix=".partial", delete=False
    ) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.rename(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class Source:
    """A file to be read line by line, compressed or not."""

    def __init__(self, file: IO[bytes]) -> None:
        self.raw = file
        # Standard input too: it is looked at, not taken from.
        is_compressed = file.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
        self.file: Any = gzip.GzipFile(fileobj=file) if is_compressed else file
        state = os.fstat(file.fileno())
        self.size = state.st_size if stat.S_ISREG(state.st_mode) else None

    def position(self) -> int:
        """Return how many bytes of the file have been read."""
        return self.raw.tell() if self.size is not None else 0

    def __iter__(self) -> Iterator[bytes]:
        """Return its lines without a BOM; one that is too long in pieces."""
        mark = codecs.BOM_UTF8
        try:
            while piece := self.file.readline(LONGEST_LINE).removeprefix(mark):
                mark = b""
                yield piece
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Damaged("The file is cut off or damaged.") from error


@contextmanager
def reading(path: str, stdin: Any) -> Iterator[Source]:
    """Yield the file, or standard input for "-"."""
    with open(path, "rb") if path != "-" else nullcontext() as file:
        yield Source(file or stdin.buffer)
