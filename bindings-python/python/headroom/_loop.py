"""Where coroutines and slow functions of users run while the engine waits for them.

The engine hands every function here a ``done(value, error)`` to be called exactly once, and calls ``cancel()`` on what
they return when it no longer waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from . import _core

Done = Callable[[Any, "BaseException | None"], None]


class Call:
    """One call of user code, or one coroutine of it, on an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        self._loop = loop
        self._done = done
        self._task: asyncio.Future[Any] | None = None
        self._cancelled = False

    def call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Calls the function on the loop and waits for what it returns."""
        if self._cancelled:
            return
        try:
            value = function(*args)
        except BaseException as error:
            self._done(None, error)
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
            return
        if hasattr(type(value), "__await__"):
            self.wait(value)
        else:
            self._done(value, None)

    def wait(self, awaitable: Awaitable[Any]) -> None:
        """Waits on the loop."""
        if self._cancelled:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            return
        try:
            self._task = asyncio.ensure_future(awaitable)
        except BaseException as error:
            self._done(None, error)
            return
        self._task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[Any]) -> None:
        if task.cancelled():
            self._done(None, asyncio.CancelledError("the coroutine was cancelled"))
        elif (error := task.exception()) is not None:
            self._done(None, error)
        else:
            self._done(task.result(), None)

    def cancel(self) -> None:
        """Cancels from any thread."""
        self._cancelled = True
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # The loop is closed, and with it everything that ran on it.
            pass

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def on_loop(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    done: Done,
    loop: asyncio.AbstractEventLoop,
    context: contextvars.Context,
) -> Call:
    """Calls a function on the loop of a waiting task, with the task's context variables."""
    call = Call(loop, done)
    loop.call_soon_threadsafe(call.call, function, args, context=context)
    return call


def on_package_loop(awaitable: Awaitable[Any], done: Done) -> Call:
    """Waits for a coroutine whose caller is blocked, on a loop thread of this package."""
    loop = LoopThread.free().loop
    call = Call(loop, done)
    loop.call_soon_threadsafe(call.wait, awaitable, context=contextvars.copy_context())
    return call


class _Worker:
    """A call on a thread of its own. Python cannot end a thread, so a late answer is let go."""

    def __init__(self) -> None:
        self.waiting: Call | None = None
        self.cancelled = False

    def cancel(self) -> None:
        # First the flag, then the call: a thread that sets the call looks at the flag afterwards.
        self.cancelled = True
        if self.waiting is not None:
            self.waiting.cancel()


def on_thread(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    done: Done,
    loop: asyncio.AbstractEventLoop | None,
    context: contextvars.Context | None,
) -> _Worker:
    """Calls a function on a thread of its own with copied context variables."""
    copied = contextvars.copy_context() if context is None else context.copy()
    worker = _Worker()

    def work() -> None:
        try:
            value = copied.run(function, *args)
        except BaseException as error:
            done(None, error)
            return
        if not hasattr(type(value), "__await__"):
            done(value, None)
            return
        if worker.cancelled:
            if asyncio.iscoroutine(value):
                value.close()
            return
        if loop is None:
            worker.waiting = copied.run(on_package_loop, value, done)
        else:
            worker.waiting = call = Call(loop, done)
            loop.call_soon_threadsafe(call.wait, value, context=copied)
        if worker.cancelled:
            worker.waiting.cancel()

    threading.Thread(target=work, name="headroom-extension", daemon=True).start()
    return worker


class LoopThread:
    """An event loop on a daemon thread.

    There is one for the package, and one for each extension of a proxy. A coroutine on it that calls a blocking
    function of this package blocks it, so the coroutines of that call get the next one.
    """

    _first: LoopThread | None = None
    _here = threading.local()
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.next: LoopThread | None = None
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="headroom-loop", daemon=True).start()

    def _run(self) -> None:
        LoopThread._here.thread = self
        asyncio.set_event_loop(self.loop)
        while True:
            try:
                self.loop.run_forever()
            except BaseException:
                # An exit that a coroutine asked for reaches its caller by its future; the others still need the loop.
                continue
            self.loop.close()
            return

    def stop(self) -> None:
        """Cancels what runs on the loop, and ends it."""

        def end() -> None:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_soon(self.loop.stop)

        self.loop.call_soon_threadsafe(end)

    @classmethod
    def free(cls) -> LoopThread:
        """A loop thread that the calling thread does not block."""
        here: LoopThread | None = getattr(cls._here, "thread", None)
        with cls._lock:
            if here is not None:
                here.next = here.next or cls()
                return here.next
            cls._first = cls._first or cls()
            return cls._first

    @classmethod
    def _after_fork(cls) -> None:
        """Threads do not survive a fork; the first coroutine of the child starts a new one."""
        cls._first = None
        cls._here = threading.local()
        cls._lock = threading.Lock()


async def in_worker(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs a function of the engine on a thread of its own, and user code that it calls on this task's loop."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()
    door = _core.Door(loop, contextvars.copy_context())

    def settle(value: Any, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(value)
        else:
            outcome.set_exception(error)

    def work() -> None:
        value, error = None, None
        try:
            value = door.run(function, args, kwargs)
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:  # The loop was closed; nobody waits any more.
            pass

    threading.Thread(target=work, name="headroom-worker").start()
    try:
        return await outcome
    except asyncio.CancelledError:
        door.stop()
        raise


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LoopThread._after_fork)
