"""Shared pieces of the tests: an own store, cases, and a provider on the loopback interface."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from provider import Provider

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for every test."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("HEADROOM_STORE", str(path))
    return path


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A server that speaks the three APIs."""
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def conversation() -> list[dict[str, Any]]:
    """A question, a tool call and a result of 400 rows."""
    return make_conversation()


def make_conversation(rows: int = 400, note: str = "") -> list[dict[str, Any]]:
    """A conversation with a tool result that compresses."""
    result = [
        {"id": index, "name": f"service-{index}", "status": "ok", "latency_ms": index * 7 % 13, "note": note}
        for index in range(rows)
    ]
    arguments = json.dumps({"limit": rows})
    call = {"id": "call_1", "type": "function", "function": {"name": "list_services", "arguments": arguments}}
    return [
        {"role": "system", "content": "You watch services."},
        {"role": "user", "content": "Which service is slow?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps(result)},
    ]


def log_text(lines: int = 3000) -> str:
    """A log of which most is left out."""
    texts = [
        f"2024-05-01T10:{i // 60 % 60:02}:{i % 60:02}Z INFO worker-{i % 7} handled request {i * 37 % 9973} in {i % 90} ms"
        for i in range(lines)
    ]
    texts[lines // 2] = "2024-05-01T10:30:00Z ERROR worker-3 database connection refused: timeout after 30 s"
    return "\n".join(texts)


def log_conversation(lines: int = 3000) -> list[dict[str, Any]]:
    """A conversation with a log as tool result."""
    messages = make_conversation(1)
    messages[3]["content"] = log_text(lines)
    return messages
