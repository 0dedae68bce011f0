"""A pseudo-terminal that records the visible text."""

import os
import pty
import re
import threading

WIDTH = 120
_CONTROL = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Terminal:
    """A terminal that stores the output written to `slave`; `shown()` is its lines, as the usual control sequences leave them."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self._master, 1 << 16)
            except OSError:  # Linux raises this error when the other end is closed
                return
            if not found:
                return
            self._written += found

    def close(self) -> None:
        """Close this process's end; all output has been read on return."""
        os.close(self.slave)
        self._reader.join(10)

    @property
    def text(self) -> str:
        """Return all output with its control sequences."""
        return self._written.decode()

    def shown(self) -> list[str]:
        """Return the lines on the screen."""
        lines, row, column = [""], 0, 0
        text, at = self.text, 0
        while at < len(text):
            if control := _CONTROL.match(text, at):
                at = control.end()
                number = int(control[1]) if control[1].isdigit() else 1
                if control[2] == "A":
                    row = max(0, row - number)
                elif control[2] == "K" and control[1] == "2":
                    lines[row] = ""
                continue
            letter, at = text[at], at + 1
            if letter == "\r":
                column = 0
            elif letter == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif letter >= " ":
                lines[row] = f"{lines[row][:column].ljust(column)}{letter}{lines[row][column + 1 :]}"
                column += 1
        return [line.rstrip() for line in lines]
