"""The base class of every error whose message is meant for the user.

Belongs here: the base class only. Each package defines its own errors next to the code that raises them. The command line prints an
error of this class as one line; any other exception is a bug and is printed with its traceback.
"""


class F1LakehouseError(Exception):
    """An error with a message for the user: its cause, the URL if there is one, and the cure, in one line.

    `cause`: what is wrong. `url`: the URL that was requested. `cure`: what the user can do about it.
    """

    def __init__(self, cause: str = "", url: str = "", cure: str = "") -> None:
        # All of it goes to Exception, so that the error survives pickling between processes.
        super().__init__(cause, url, cure)
        self.cause = cause
        self.url = url
        self.cure = cure

    def __str__(self) -> str:
        text = self.cause + (f" ({self.url})" if self.url else "") + (f"; {self.cure}" if self.cure else "")
        return " ".join(text.split())
