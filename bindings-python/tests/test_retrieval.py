"""Originals: where they go, and how they come back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import log_conversation, log_text, make_conversation

import headroom
from headroom import (
    ConfigurationError,
    SharedContext,
    StorageError,
    answer_tool_call,
    compress,
    retrieve,
    retrieve_tool,
)


def test_originals_come_back_from_the_store_that_was_named(tmp_path: Path, own_store: Path) -> None:
    messages = log_conversation()
    hash = compress(messages, model="gpt-4o").ccr_hashes[0]
    assert own_store.exists()
    assert retrieve(hash) == messages[3]["content"]
    assert "ERROR" in retrieve(hash, query="database connection refused")
    assert retrieve(hash, lines="1-2").splitlines()[:2] == messages[3]["content"].splitlines()[:2]
    other = tmp_path / "deep" / "other.db"
    with pytest.raises(StorageError) as caught:
        retrieve(hash, store=other)
    assert caught.value.code == "not_found" and caught.value.details["hash"]
    compress(messages, model="gpt-4o", store=other)
    assert retrieve(hash, store=str(other)) == retrieve(hash, store=f"sqlite://{other}") == messages[3]["content"]
    compress(messages, model="gpt-4o", store=":memory:")
    assert retrieve(hash, store=":memory:") == messages[3]["content"]


def test_a_store_that_cannot_be_opened_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADROOM_STORE", str(tmp_path / "file" / "store.db"))
    messages = log_conversation()
    result = compress(messages, model="gpt-4o")
    assert result.ccr_hashes == []
    assert "headroom_retrieve" not in json.dumps(result.messages)
    assert result.report["warnings"] or result.report["error"]
    assert compress(make_conversation(), model="gpt-4o", mode="lossless").compressed, "what is lossless needs no store"
    with pytest.raises(StorageError):
        retrieve("0" * 24)


def test_the_retrieval_tool_is_offered_and_answered() -> None:
    messages = log_conversation()
    hash = compress(messages, model="gpt-4o").ccr_hashes[0]
    assert retrieve_tool("openai")["function"]["name"] == "headroom_retrieve"
    assert retrieve_tool("anthropic")["input_schema"]["required"] == ["hash"]
    with pytest.raises(ConfigurationError, match="provider: expected one of openai"):
        retrieve_tool("cohere")
    arguments = json.dumps({"hash": hash})
    call = {"id": "c9", "type": "function", "function": {"name": "headroom_retrieve", "arguments": arguments}}
    answer = answer_tool_call(call)
    assert answer == {"role": "tool", "tool_call_id": "c9", "content": messages[3]["content"]}

    from openai.types.chat import ChatCompletionMessageToolCall

    model = ChatCompletionMessageToolCall.model_validate(call)
    assert answer_tool_call(model) == answer
    block = {"type": "tool_use", "id": "t", "name": "headroom_retrieve", "input": {"hash": "0" * 24}}
    assert answer_tool_call(block)["content"][0]["is_error"] is True
    with pytest.raises(headroom.ValidationError, match="tool call: expected"):
        answer_tool_call({"role": "user"})

    again = compress([*messages, {"role": "assistant", "content": None, "tool_calls": [call]}, answer], model="gpt-4o")
    assert again.messages[5] is answer, "what was asked back stays whole"


def test_shared_context_compresses_once_and_gives_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SharedContext("gpt-4o", ttl=10, max_entries=2)
    text = log_text()
    context.put("logs", text, agent="scout")
    short = context.get("logs")
    assert short is not None and len(short) < len(text) / 2
    assert context.get("logs", full=True) == text
    context.put("plain", {"a": 1})
    assert context.get("plain") == '{"a": 1}'
    assert context.keys() == ["logs", "plain"]
    stats = context.stats()
    assert stats["entries"] == 2 and stats["tokens_saved"] > 0 and stats["agents"] == ["scout"]
    context.put("third", "x")
    assert context.keys() == ["plain", "third"] and context.get("logs") is None
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 11)
    assert context.get("plain") is None and context.keys() == []
    context.put("again", "x")
    context.clear()
    assert context.stats()["entries"] == 0


def test_the_default_store_is_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name != "posix":
        pytest.skip("homes are found elsewhere")
    monkeypatch.delenv("HEADROOM_STORE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    compress(log_conversation(), model="gpt-4o")
    assert (tmp_path / "home" / ".headroom" / "store.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_entries": -1}, "max_entries: expected a number from 0, found -1"),
        ({"max_entries": 1.5}, "max_entries: expected a whole number from 0, found 1.5"),
        ({"ttl": "x"}, "ttl: expected a number from 0, found 'x'"),
        ({"ttl": float("nan")}, "ttl: expected a number from 0, found nan"),
        ({"model": None}, "model: expected a string, found None"),
    ],
)
def test_an_argument_of_a_shared_context_that_cannot_be_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(headroom.ConfigurationError, match=message):
        SharedContext(**arguments)
