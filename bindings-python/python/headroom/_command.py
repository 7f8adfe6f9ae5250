"""The console script: the ``headroom`` command, in this process and with this environment's extensions."""

from __future__ import annotations

import signal
import sys

from . import _core
from .pipeline import discover_pipeline_extensions


def main() -> int:
    """Runs the command and gives its exit code."""
    # As a program, not as a library: Ctrl-C and a closed pipe end it at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _core.run_command(["headroom", *sys.argv[1:]], _core.usable_extensions(discover_pipeline_extensions()))


if __name__ == "__main__":
    sys.exit(main())
