"""Errors a user can act on: one line that says what is wrong and what would be right."""


class UserError(Exception):
    """Something the user asked for cannot be done; the message is one line and says what would work."""


class MissingFile(UserError):
    """A file the user has to provide is absent; the message names it, its source and where to put it."""
