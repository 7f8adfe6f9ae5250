"""The examples of the README do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from openai.types.chat import ChatCompletion

README = Path(__file__).resolve().parents[2] / "README.md"


def completion(**message: Any) -> ChatCompletion:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return ChatCompletion.model_validate(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
    )


def test_the_loop_gives_the_model_what_it_asks_back_for() -> None:
    example = next(code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "def ask(" in code)
    scope: dict[str, Any] = {}
    exec(example, scope)
    rows = [{"id": n, "note": f"row {n * 7919 % 10007} of a table that has no end"} for n in range(2000)]
    output = json.dumps(rows)
    call = {"id": "c1", "type": "function", "function": {"name": "query", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Which row is odd?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": output},
    ]
    sent: list[dict[str, Any]] = []

    def create(**request: Any) -> ChatCompletion:
        sent.append(request)
        if len(sent) > 1:
            return completion(content="none")
        hashes = re.findall(r"headroom_retrieve hash=([0-9a-f]{24})", request["messages"][2]["content"])
        function = {"name": "headroom_retrieve", "arguments": json.dumps({"hash": hashes[0]})}
        other = {"id": "c3", "type": "function", "function": {"name": "count", "arguments": "{}"}}
        return completion(tool_calls=[{"id": "c2", "type": "function", "function": function}, other])

    def run_tool(call: Any) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": call.id, "content": "2000"}

    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    whole = scope["ask"](client, messages, [], run_tool)

    assert len(json.dumps(sent[0]["messages"])) < len(output) / 2
    assert [tool["function"]["name"] for tool in sent[0]["tools"]] == ["headroom_retrieve"]
    assert sent[1]["messages"][: len(sent[0]["messages"])] == sent[0]["messages"]
    assert whole[4]["tool_call_id"] == "c2" and whole[4]["content"] == output
    assert whole[5]["content"] == "2000"
    assert whole[6]["content"] == "none"
    assert messages[2]["content"] == output
