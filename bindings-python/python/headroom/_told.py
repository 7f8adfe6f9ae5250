"""The thread that tells what threads without an interpreter log, such as those of a proxy."""

from __future__ import annotations

import logging
import sys
import threading

from . import _core


def tell() -> None:
    """Starts it."""

    def work() -> None:
        while True:
            name, level, message = _core.take_record()
            try:
                logging.getLogger(name).log(level, "%s", message)
            except Exception:
                # A handler that raises must not keep the next record from being told.
                sys.excepthook(*sys.exc_info())

    threading.Thread(target=work, name="headroom-log", daemon=True).start()
