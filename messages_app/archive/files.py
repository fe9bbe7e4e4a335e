"""Files as operators name them: whole under their name or not there, read as they come."""

import codecs
import errno
import fcntl
import gzip
import os
import stat
import zlib
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

LONGEST_LINE = 2**20  # bytes; the longest message has an eighth, escaped as it may be


class Damaged(ValueError):
    """The file is not, or not wholly, what it should be."""


@contextmanager
def writing(path: str | None, stdout: Any) -> Iterator[IO[bytes]]:
    """Yield a file that has its name only once all is on the disk; or standard output.

    For its owner's eyes only. What is left after `kill -9` ends in .partial, and goes with
    the next run.
    """
    if path is None or (os.path.exists(path) and not os.path.isfile(path)):
        # Opened, or closed, before the name is told with what goes wrong.
        out = open(path, "wb") if path else binary(stdout, "output")  # noqa: SIM115
        with naming(path or "Standard output"), out if path else nullcontext():
            yield out
            out.flush()
        return
    target = Path(path).resolve()
    partial = f"{target}.partial"
    with naming(path), own(partial) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.rename(partial, target)
        except BaseException:
            os.unlink(partial)
            raise
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


@contextmanager
def own(path: str) -> Iterator[IO[bytes]]:
    """Yield an empty file that no other run writes: what a dead one left is gone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have come to its end since it was opened.
            is_free = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
        except (BlockingIOError, FileNotFoundError):
            is_free = False
        if not is_free:
            raise OSError(errno.EAGAIN, "Another run writes this file")
        os.fchmod(file.fileno(), 0o600)
        file.truncate()
        yield file


@contextmanager
def naming(path: str | None) -> Iterator[None]:
    """Let a failure tell the file as it was given: that of a write has no name."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def binary(stream: Any, name: str) -> IO[bytes]:
    """Return standard input or output for bytes; raise OSError if it is closed."""
    if not hasattr(stream, "buffer"):
        raise OSError(f"Standard {name} is closed")
    found: IO[bytes] = stream.buffer
    return found


def file_name(text: str) -> str:
    """Return the name of a file, for an option."""
    if not text:
        raise ArgumentTypeError("an empty name is no file's")
    return text


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
    with (
        open(path, "rb") if path != "-" else nullcontext(binary(stdin, "input")) as file
    ):
        yield Source(file)
