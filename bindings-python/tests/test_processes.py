"""Many threads, forks, memory, and the interpreter lock."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import log_conversation, log_text, make_conversation

import headroom
from headroom import PipelineExtensionManager, compress, retrieve

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


def in_child(work: Any, timeout: float = 120) -> Any:
    """Runs something in a forked child and gives what it returned."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def body() -> None:
        try:
            sender.send(work())
        except BaseException as error:
            sender.send(f"{type(error).__name__}: {error}")

    child = context.Process(target=body)
    child.start()
    assert receiver.poll(timeout), "the child hangs"
    value = receiver.recv()
    child.join(timeout)
    return value


@needs_fork
def test_a_forked_child_has_its_own_engine_and_loop(own_store: Path) -> None:
    class Async:
        async def on_pipeline_event(self, event: Any) -> None:
            event.metadata["pid"] = os.getpid()

    manager = PipelineExtensionManager(extensions=[Async()], discover=False)
    manager.emit("setup", operation="x")
    messages = log_conversation()
    mine = compress(messages, model="gpt-4o", extensions=[Async()])

    def work() -> Any:
        event = manager.emit("setup", operation="x")
        result = compress(messages, model="gpt-4o", extensions=[Async()])
        return event.metadata["pid"] == os.getpid(), result.messages, retrieve(result.ccr_hashes[0])

    alive, theirs, original = in_child(work)
    assert alive and theirs == mine.messages and original == messages[3]["content"]
    assert retrieve(mine.ccr_hashes[0]) == original


@needs_fork
def test_a_child_forked_while_another_thread_is_inside_fails_with_a_sentence() -> None:
    inside, leave = threading.Event(), threading.Event()

    class Wait:
        def on_pipeline_event(self, event: Any) -> None:
            inside.set()
            leave.wait(60)

    manager = PipelineExtensionManager(extensions=[Wait()], discover=False)
    thread = threading.Thread(target=lambda: manager.emit("setup", operation="x"))
    thread.start()
    inside.wait(60)
    try:
        said = in_child(lambda: compress(make_conversation()).tokens_after)
    finally:
        leave.set()
        thread.join()
    assert said.startswith("HeadroomError: this process was forked while another thread was inside Headroom")
    assert in_child(lambda: compress(make_conversation(), model="gpt-4o").compressed) is True


@needs_fork
def test_a_fork_is_noticed_by_programs_without_coroutines() -> None:
    program = """
import os, sys, threading, headroom
inside, leave = threading.Event(), threading.Event()
class Wait:
    def on_pipeline_event(self, event):
        inside.set()
        leave.wait(60)
manager = headroom.PipelineExtensionManager(extensions=[Wait()], discover=False)
thread = threading.Thread(target=lambda: manager.emit("setup", operation="x"))
thread.start()
inside.wait(60)
assert "headroom._loop" not in sys.modules
child = os.fork()
if child == 0:
    try:
        headroom.compress([])
    except headroom.HeadroomError as error:
        os._exit(7 if error.code == "forked" else 8)
    os._exit(9)
leave.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 7, ran.stderr


@needs_fork
def test_an_extension_may_fork() -> None:
    seen: list[Any] = []

    class Fork:
        def on_pipeline_event(self, event: Any) -> None:
            seen.append(in_child(lambda: compress(make_conversation(), model="gpt-4o").compressed))

    PipelineExtensionManager(extensions=[Fork()], discover=False).emit("setup", operation="x")
    assert seen == [True]


def test_threads_share_one_engine_and_agree() -> None:
    conversations = [make_conversation(60 + number, note=f"n{number}") for number in range(12)]
    expected = [compress(messages, model="gpt-4o").messages for messages in conversations]

    def one(number: int) -> None:
        index = number % len(conversations)
        assert compress(conversations[index], model="gpt-4o").messages == expected[index]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(200)))


def test_the_interpreter_is_released_while_the_engine_works() -> None:
    text = "\n".join(f"{i} {i * 7919 % 10007} word{i * 31 % 997} other{i * 17 % 13}" for i in range(60_000))
    messages = [{"role": "tool", "tool_call_id": "c", "content": text}]
    compress(make_conversation(), model="gpt-4o")
    ticks, stop = [], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    compress(messages, model="gpt-4o")
    ended = time.perf_counter()
    stop.set()
    thread.join()
    during = [at for at in ticks if began < at < ended]
    gaps = [later - earlier for earlier, later in zip([began, *during], [*during, ended])]
    assert len(during) >= 5, f"{len(during)} ticks in {ended - began:.3f} s"
    assert max(gaps) < max(0.5 * (ended - began), 0.02)


MEMORY = """
import gc, json, os, sys
sys.path.insert(0, sys.argv[1])
from conftest import make_conversation, log_conversation
import headroom

class Touch:
    def on_pipeline_event(self, event):
        event.messages, event.metadata

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

messages = make_conversation(30)
log = log_conversation(300)
def round(count):
    for number in range(count):
        headroom.compress(messages, model="gpt-4o", extensions=Touch())
        if number % 10 == 0:
            headroom.compress(log, model="gpt-4o")
    gc.collect()
    return resident()
round(1500)
before = round(500)
after = round(10_000)
print(json.dumps((after - before) / 2**20))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell its memory this way")
def test_ten_thousand_calls_take_no_more_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, str(Path(__file__).parent)], capture_output=True, text=True, timeout=600
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) < 4, f"grew by {ran.stdout} MiB"


def test_objects_are_let_go() -> None:
    import gc
    import weakref

    class Extension:
        def on_pipeline_event(self, event: Any) -> None:
            event.metadata["me"] = self

    class Message(dict):  # type: ignore[type-arg]
        pass

    extension = Extension()
    message = Message(role="tool", tool_call_id="c", content=log_text())
    gone = [weakref.ref(extension), weakref.ref(message)]
    result = compress([message], model="gpt-4o", extensions=[extension])
    assert result.compressed
    del extension, message, result
    compress([], model="gpt-4o")
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_an_extension_that_holds_its_own_manager_is_let_go() -> None:
    import gc
    import weakref

    class Extension:
        def __init__(self) -> None:
            self.manager = PipelineExtensionManager(extensions=[self], discover=False)

        def on_pipeline_event(self, event: Any) -> None:
            gc.collect()  # What runs is not freed under its own feet.

    class Slotted:
        __slots__ = ("__weakref__", "client")

        def on_pipeline_event(self, event: Any) -> None:
            pass

    extension, slotted = Extension(), Slotted()
    slotted.client = PipelineExtensionManager(extensions=[slotted, extension], discover=False)
    gone = [weakref.ref(extension), weakref.ref(slotted)]
    extension.manager.emit("setup", operation="x")
    gc.collect()
    assert all(reference() is not None for reference in gone)
    manager = slotted.client
    del extension, slotted
    gc.collect()
    assert manager.names == ["Slotted", "Extension"]
    manager.emit("setup", operation="x")
    del manager
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_a_process_that_ends_while_a_task_waits_does_not_hang() -> None:
    program = """
import asyncio, headroom
class Sleepy:
    async def on_pipeline_event(self, event):
        await asyncio.sleep(60)
async def main():
    task = asyncio.create_task(headroom.acompress([{"role": "user", "content": "hi"}], extensions=Sleepy()))
    await asyncio.sleep(0.2)
    print("done", flush=True)
asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr


def test_prefixes_stay_the_same_in_another_process() -> None:
    messages = log_conversation(400) + make_conversation(200, note="later")
    whole = compress(messages, model="gpt-4o").messages
    program = (
        "import json, sys, headroom\n"
        "messages = json.load(sys.stdin)\n"
        "prefixes = [messages[:k] for k in range(len(messages) + 1)]\n"
        "print(json.dumps([headroom.compress(prefix, model='gpt-4o').messages for prefix in prefixes]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(messages), capture_output=True, text=True, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [whole[:k] for k in range(len(messages) + 1)]
    assert headroom.compress(messages[:4], model="gpt-4o").messages == whole[:4]
