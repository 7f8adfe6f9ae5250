"""The threads on which the extensions of a proxy run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from . import _core
from ._loop import Call, LoopThread


class Crew:
    """The threads of one extension, and the event loop of its coroutines.

    Daemon threads without a frame of the engine below user code: an exit of the interpreter may end them anywhere.
    """

    def __init__(self, tasks: _core.Tasks, function: Callable[[Any], Any]) -> None:
        self._tasks = tasks
        self._function = function
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None

    def grow(self) -> None:
        """Adds a thread."""
        threading.Thread(target=self._work, name="headroom-extension", daemon=True).start()

    def _work(self) -> None:
        while (taken := self._tasks.take()) is not None:
            task, grows = taken
            if grows:
                try:
                    self.grow()
                except RuntimeError:  # There are no more threads; the others must do.
                    pass
            if isinstance(task, Call):
                task.cancel()
            else:
                self._call(task)
            del taken, task
        with self._lock:
            if self._loop is not None:
                self._loop.stop()
                self._loop = None

    def _call(self, job: _core.Job) -> None:
        try:
            event = job.event()
            if event is None:
                return
            value = self._function(event)
        except BaseException as error:
            job.done(None, error)
            return
        if not hasattr(type(value), "__await__"):
            job.done(value, None)
            return
        with self._lock:
            if self._loop is None:
                self._loop = LoopThread()
            loop = self._loop.loop
        call = Call(loop, job.done)
        if not job.runs(call):
            call.cancel()
        loop.call_soon_threadsafe(call.wait, value)
