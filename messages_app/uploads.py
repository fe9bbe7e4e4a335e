"""No file is taken: a file in a post is passed over, the text beside it is read."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class NoUploads(FileUploadHandler):
    """Read past each file, so that none fills memory or disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take nothing: no file is ever begun."""

    def file_complete(self, file_size: int) -> None:
        """Keep nothing: no file is ever begun."""
