"""Answers of Anthropic Messages: completed, streamed, and assembled from a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# What a block starts with in a stream, and the delta that fills it.
_TEXTS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}
_INPUTS = ("tool_use", "server_tool_use", "mcp_tool_use")


def complete(answer: dict[str, Any], model: str) -> dict[str, Any]:
    """Adds what the API's answers always have."""
    content = answer.get("content", [])
    whole = {
        "id": "msg_headroom",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    return {**whole, **answer, "content": [{"type": "text", "text": content}] if isinstance(content, str) else content}


def events(answer: dict[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """The events that stream an answer, block by block."""
    start = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(answer["content"]):
        kind = block.get("type")
        begin = dict(block)
        deltas: list[dict[str, Any]] = []
        if kind in _TEXTS:
            delta, field = _TEXTS[kind]
            deltas.append({"type": delta, field: begin.get(field, "")})
            begin[field] = ""
            if begin.get("signature"):
                deltas.append({"type": "signature_delta", "signature": begin["signature"]})
                begin["signature"] = ""
        elif kind in _INPUTS:
            deltas.append({"type": "input_json_delta", "partial_json": json.dumps(begin.get("input", {}))})
            begin["input"] = {}
        yield {"type": "content_block_start", "index": index, "content_block": begin}
        for delta_event in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta_event}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 0, **answer["usage"]}}
    yield {"type": "message_stop"}


class Assembler:
    """Puts events together."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Takes an event."""
        kind = event.get("type")
        if kind == "message_start":
            self._message = dict(event["message"])
        elif kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            self._delta(event["index"], event["delta"])
        elif kind == "message_delta":
            self._message.update({key: value for key, value in event["delta"].items() if value is not None})
            usage = {key: value for key, value in (event.get("usage") or {}).items() if value is not None}
            self._message["usage"] = {**(self._message.get("usage") or {}), **usage}

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        block = self._blocks.setdefault(index, {})
        kind = delta.get("type")
        if kind == "input_json_delta":
            self._inputs[index] = self._inputs.get(index, "") + delta["partial_json"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        else:
            for field in ("text", "thinking", "signature"):
                if field in delta:
                    block[field] = (block.get(field) or "") + delta[field]

    @property
    def response(self) -> dict[str, Any]:
        """The answer as it would have come without a stream."""
        content = []
        for index in sorted(self._blocks):
            block = self._blocks[index]
            if self._inputs.get(index):
                block = {**block, "input": _input(self._inputs[index])}
            content.append(block)
        return {**self._message, "content": content}


def _input(text: str) -> Any:
    """Arguments of a tool; text that is no JSON, as a cut stream leaves it, stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
