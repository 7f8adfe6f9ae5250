"""Answers of OpenAI Responses: completed, streamed, and assembled from a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

_ENDS = ("response.completed", "response.incomplete", "response.failed")


def complete(answer: dict[str, Any], model: str) -> dict[str, Any]:
    """Adds what the API's answers always have."""
    whole = {
        "id": "resp_headroom",
        "object": "response",
        "created_at": int(time.time()),
        "model": model,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
    }
    output = [_item(index, item) for index, item in enumerate(answer.get("output", []))]
    return {**whole, **answer, "output": output}


def _item(index: int, item: dict[str, Any]) -> dict[str, Any]:
    kind = item.get("type", "message")
    base = {"id": f"item_headroom_{index}", "type": kind, "status": "completed"}
    if kind != "message":
        return {**base, **item}
    content = item.get("content", [])
    parts = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
    texts = [{"annotations": [], **part} if part.get("type") == "output_text" else part for part in parts]
    return {**base, "role": "assistant", **item, "content": texts}


def events(answer: dict[str, Any], include_usage: bool) -> Iterator[dict[str, Any]]:
    """The events that stream an answer, item by item, numbered."""
    for number, event in enumerate(_events(answer)):
        yield {**event, "sequence_number": number}


def _events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(answer["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        opened = {**item, "status": "in_progress"}
        if item["type"] == "message":
            opened["content"] = []
        elif item["type"] == "function_call":
            opened["arguments"] = ""
        yield {"type": "response.output_item.added", "output_index": index, "item": opened}
        if item["type"] == "message":
            yield from _parts(item["content"], place)
        elif item["type"] == "function_call":
            name, arguments = item.get("name", ""), item.get("arguments", "")
            yield {"type": "response.function_call_arguments.delta", **place, "delta": arguments}
            yield {"type": "response.function_call_arguments.done", **place, "name": name, "arguments": arguments}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    end = answer["status"] if answer["status"] in ("completed", "incomplete", "failed") else "completed"
    yield {"type": f"response.{end}", "response": answer}


def _parts(content: list[dict[str, Any]], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(content):
        where = {**place, "content_index": index}
        field = "refusal" if part.get("type") == "refusal" else "text"
        kind = "refusal" if field == "refusal" else "output_text"
        extra: dict[str, Any] = {"logprobs": []} if field == "text" else {}
        yield {"type": "response.content_part.added", **where, "part": {**part, field: ""}}
        yield {"type": f"response.{kind}.delta", **where, "delta": part.get(field, ""), **extra}
        yield {"type": f"response.{kind}.done", **where, field: part.get(field, ""), **extra}
        yield {"type": "response.content_part.done", **where, "part": part}


class Assembler:
    """Takes the answer from the event that ends the stream."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Takes an event."""
        if event.get("type") in _ENDS:
            self.response = event["response"]
