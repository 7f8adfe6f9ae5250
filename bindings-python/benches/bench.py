"""Figures of the Python package, each against what it is to be compared with.

    python bindings-python/benches/bench.py [--rust target/release/examples/time_compress]

The Rust program is built with ``cargo build --release --example time_compress -p headroom-core``; use a wheel of the
same profile. Times are the best of several runs.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headroom import PipelineExtensionManager, PipelineStage, compress

ROUNDS = 7


class Noop:
    """Takes part in every stage and does nothing."""

    def on_pipeline_event(self, event: Any) -> None:
        return None


def microseconds(work: Callable[[], Any], number: int = 100_000) -> float:
    """The best time of one call."""
    return min(timeit.repeat(work, number=number, repeat=5)) / number * 1e6


def emit() -> None:
    """``emit`` with no and with one extension, against making the event alone."""
    from headroom import PipelineEvent

    stage = PipelineStage.PRE_SEND
    none = PipelineExtensionManager(discover=False)
    one = PipelineExtensionManager(extensions=[Noop()], discover=False)
    print(f"an event alone           {microseconds(lambda: PipelineEvent(stage, 'x')):8.2f} µs")
    print(f"emit, no extension       {microseconds(lambda: none.emit(stage, operation='x')):8.2f} µs")
    print(f"emit, a no-op extension  {microseconds(lambda: one.emit(stage, operation='x')):8.2f} µs   (target: 2)")


def importing() -> None:
    """``import headroom`` in a new process."""
    program = "import time; start = time.perf_counter(); import headroom; print(time.perf_counter() - start)"
    times = [float(subprocess.check_output([sys.executable, "-c", program])) * 1000 for _ in range(9)]
    print(f"import headroom          {min(times):8.2f} ms   (target: 50)")


def conversation(seed: int) -> list[dict[str, Any]]:
    """A conversation of about 1 MB that no other seed gives: rows, logs and prose."""
    chance = random.Random(seed)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Why do the imports fail?"}]
    for turn in range(10):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "query", "arguments": "{}"}}
        rows = [
            {"id": chance.getrandbits(40), "state": chance.choice(["ok", "late"]), "ms": chance.randrange(9000)}
            for _ in range(1300)
        ]
        lines = [
            f"2024-05-01T10:{i // 60 % 60:02}:{i % 60:02} INFO "
            f"job {chance.getrandbits(32):08x} took {chance.randrange(999)} ms"
            for i in range(1100)
        ]
        content = json.dumps(rows) if turn % 2 else "\n".join(lines)
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": content})
        messages.append({"role": "assistant", "content": " ".join(chance.choices(WORDS, k=6000))})
    return messages


WORDS = "the import of a file that was never closed fails when its lock is held by another process".split()


def whole(rust: Path | None) -> None:
    """``compress`` on new conversations, against the same through Rust."""
    conversations = [conversation(seed) for seed in range(ROUNDS)]
    compress(conversation(ROUNDS), model="gpt-4o", store=":memory:")
    times = []
    for messages in conversations:
        began = time.perf_counter()
        compress(messages, model="gpt-4o", store=":memory:")
        times.append((time.perf_counter() - began) * 1000)
    size = len(json.dumps(conversations[0])) / 2**20
    print(f"compress, {size:.2f} MiB       {min(times):8.2f} ms")
    if rust is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for seed in (ROUNDS, *range(ROUNDS)):
            file = Path(folder) / f"{seed}.json"
            file.write_text(json.dumps(conversation(seed)))
            files.append(str(file))
        printed = subprocess.check_output([str(rust), *files], text=True).splitlines()[1:]
    read = min(float(line.split()[0]) for line in printed)
    alone = min(float(line.split()[1]) for line in printed)
    print(f"the same in Rust         {alone:8.2f} ms, and {read:.2f} ms to read the JSON")
    print(f"Python / Rust            {min(times) / alone:8.2f}      (target: 1.15)")


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rust", type=Path, help="the program to compare with")
    arguments = parser.parse_args()
    emit()
    importing()
    whole(arguments.rust)


if __name__ == "__main__":
    main()
