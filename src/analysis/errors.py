"""Errors a user can act on: one line that says what is wrong and what would be right."""

import errno
import os


class UserError(Exception):
    """Something the user asked for cannot be done; the message is one line and says what would work."""


class MissingFile(UserError):
    """A file the user has to provide is absent; the message names it, its source and where to put it."""


def one_line(error: BaseException) -> str | None:
    """What went wrong outside of this program, in one line: disks, files, memory, text that is no text; None for anything else.

    >>> one_line(FileNotFoundError(2, "No such file or directory", "x.npy"))
    'x.npy: No such file or directory'
    """
    if isinstance(error, UserError):
        return " ".join(str(error).splitlines())
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        more = "; make room and run the same command again: what was finished is kept" if full else ""
        return f"{where}{error.strerror}{more}"
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    if isinstance(error, UnicodeError):
        return f"a name or a file is not valid text ({error})"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's, of a GPU
        return "out of memory: use fewer or smaller images, or smaller batches"
    return None
