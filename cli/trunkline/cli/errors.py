"""What ends a command with a message instead of a traceback."""


class CommandError(Exception):
    """The command cannot go on; the text says what is wrong and what to do, for people."""
