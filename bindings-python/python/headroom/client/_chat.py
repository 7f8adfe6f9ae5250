"""Answers of OpenAI Chat Completions: completed, streamed, and assembled from a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any


def complete(answer: dict[str, Any], model: str) -> dict[str, Any]:
    """Adds what the API's answers always have."""
    choices = [
        {"index": index, "finish_reason": "stop", "logprobs": None, **choice}
        for index, choice in enumerate(answer.get("choices", []))
    ]
    for choice in choices:
        choice["message"] = {"role": "assistant", "content": None, **(choice.get("message") or {})}
    whole = {"id": "chatcmpl-headroom", "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**whole, **answer, "choices": choices}


def events(answer: dict[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """The chunks that stream an answer: what each choice says, then why it ends."""
    base = {key: value for key, value in answer.items() if key not in ("choices", "usage", "object")}
    base["object"] = "chat.completion.chunk"
    usage = {"usage": None} if include_usage else {}
    for choice in answer["choices"]:
        delta = dict(choice["message"])
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
        said = {"index": choice["index"], "delta": delta, "logprobs": choice["logprobs"], "finish_reason": None}
        yield {**base, "choices": [said], **usage}
    for choice in answer["choices"]:
        ended = {"index": choice["index"], "delta": {}, "logprobs": None, "finish_reason": choice["finish_reason"]}
        yield {**base, "choices": [ended], **usage}
    if include_usage and answer.get("usage") is not None:
        yield {**base, "choices": [], "usage": answer["usage"]}


class Assembler:
    """Puts chunks together."""

    def __init__(self) -> None:
        self._base: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None

    def add(self, chunk: dict[str, Any]) -> None:
        """Takes a chunk."""
        for key, value in chunk.items():
            if key not in ("choices", "usage", "object"):
                self._base.setdefault(key, value)
        self._usage = chunk.get("usage") or self._usage
        for piece in chunk.get("choices") or []:
            index = piece.get("index", 0)
            choice = self._choices.setdefault(
                index, {"index": index, "message": {"role": "assistant", "content": None}, "finish_reason": None}
            )
            choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]
            for key, value in (piece.get("delta") or {}).items():
                _add(choice["message"], key, value)

    @property
    def response(self) -> dict[str, Any]:
        """The answer as it would have come without a stream."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        response = {**self._base, "object": "chat.completion", "choices": choices}
        return response if self._usage is None else {**response, "usage": self._usage}


def _add(message: dict[str, Any], key: str, value: Any) -> None:
    """Adds a piece of a message: texts grow, tool calls grow by their index, everything else is set."""
    if value is None:
        return
    if key == "tool_calls":
        calls = message.setdefault("tool_calls", [])
        for piece in value:
            index = piece.get("index", len(calls))
            while len(calls) <= index:
                calls.append({})
            _merge(calls[index], {name: part for name, part in piece.items() if name != "index"})
    elif key == "function_call":
        _merge(message.setdefault("function_call", {}), value)
    elif key != "role" and isinstance(value, str) and isinstance(message.get(key), str):
        message[key] += value
    else:
        message[key] = value


def _merge(call: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, part in piece.items():
        if isinstance(part, dict):
            _merge(call.setdefault(name, {}), part)
        elif name in ("arguments", "input") and isinstance(call.get(name), str) and part is not None:
            call[name] += part
        elif part is not None:
            call[name] = part
