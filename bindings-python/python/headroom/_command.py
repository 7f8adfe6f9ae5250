"""The console script: the ``headroom`` command, in this process and with this environment's extensions."""

from __future__ import annotations

import logging
import signal
import sys

from . import _core
from .pipeline import discover_pipeline_extensions


class _Problems(logging.Handler):
    """Keeps what is told while extensions are looked for, beside telling it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if logging.lastResort is not None:
            logging.lastResort.handle(record)


def main() -> int:
    """Runs the command and gives its exit code."""
    # As a program, not as a library: Ctrl-C and a closed pipe end it at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    problems = _Problems()
    log = logging.getLogger("headroom")
    log.addHandler(problems)
    try:
        extensions = _core.usable_extensions(discover_pipeline_extensions())
    finally:
        log.removeHandler(problems)
    again = [sys.executable, "-m", "headroom._command"]
    return _core.run_command(["headroom", *sys.argv[1:]], extensions, again, problems.lines)


if __name__ == "__main__":
    sys.exit(main())
