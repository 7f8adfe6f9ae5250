"""Values that JSON does not have, or that nobody should send. Nothing may crash, and nothing outside an edit may change."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import log_text, make_conversation

from headroom import PipelineEvent, compress

TEXT = log_text()


class Opaque:
    """An object of the caller's own."""


ODD: list[Any] = [
    None,
    True,
    2**70,
    -(2**70),
    math.nan,
    math.inf,
    1e308,
    b"bytes",
    (1, "two", ["three"]),
    {1: "one", None: 2, (3,): 3},
    {"a", "b"},
    "\ud800 alone",
    "nul\0",
    "",
    Opaque(),
    object(),
    range(3),
    [],
    {},
    [[]],
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_odd_values_anywhere_pass_untouched(odd: Any) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": odd, "extra": odd},
        {"role": "user", "content": [odd, {"type": "text", "text": odd}, {"type": odd, "text": "t"}]},
        {"role": "assistant", "content": None, "tool_calls": odd},
        {
            "role": "assistant",
            "tool_calls": [odd, {"id": odd, "function": odd}, {"function": {"name": odd, "arguments": odd}}],
        },
        {"role": odd, "content": "text"},
        {"role": "tool", "tool_call_id": odd, "name": odd, "content": TEXT, "keep": odd},
        {"type": odd, "output": odd},
        {"parts": odd},
        {"parts": [odd, {"text": odd}, {"functionResponse": {"name": odd, "response": odd}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": odd, "content": odd}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": odd, "name": odd, "input": odd}]},
    ]
    before = [dict(message) for message in messages]
    result = compress(messages, model="gpt-4o", extensions=Touch())
    assert result.report["error"] is None, result.report["error"]
    assert len(result.messages) == len(messages)
    for index, (now, was) in enumerate(zip(result.messages, before)):
        if index != 5:
            assert now is messages[index]
        assert all(messages[index][key] is was[key] for key in was)
    assert result.messages[5]["keep"] is odd
    assert len(result.messages[5]["content"]) < len(TEXT) / 2


class Touch:
    """Makes every field be copied and compared."""

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        assert event.messages is not None
        len(event.metadata)


@pytest.mark.parametrize(
    "whole", [None, 7, "text", b"bytes", (), {}, {"messages": 3}, [None], [3], ["text"], object(), {"a"}]
)
def test_what_is_no_conversation_comes_back_with_an_error_that_says_so(whole: Any) -> None:
    result = compress(whole)
    assert result.messages == whole
    assert not result.compressed
    assert "expected" in result.report["error"] and "found" in result.report["error"]


def test_empty_conversations_are_fine() -> None:
    assert compress([]).messages == []
    assert compress([]).report["error"] is None
    assert compress({"messages": []}).messages == {"messages": []}
    assert compress([{}]).messages == [{}]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_of_any_depth_is_passed_by() -> None:
    deep = nested(100_000)
    messages = make_conversation()
    messages[3]["meta"] = deep
    messages.append({"role": "user", "content": deep, "input": deep})
    messages.append({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": deep}]})
    result = compress(messages, model="gpt-4o", extensions=Touch())
    assert result.compressed and result.messages[3]["meta"] is deep
    assert result.messages[4] is messages[4]

    text = "[" * 100_000 + "]" * 100_000
    assert compress([{"role": "tool", "tool_call_id": "c", "content": text}], model="gpt-4o").report["error"] is None


def test_cycles_are_passed_by() -> None:
    messages: list[Any] = make_conversation()
    messages[3]["self"] = messages[3]
    messages[0]["all"] = messages
    loop: list[Any] = []
    loop.append(loop)
    messages.append({"role": "user", "content": loop})
    result = compress(messages, model="gpt-4o", extensions=Touch())
    assert result.compressed
    assert result.messages[0] is messages[0] and result.messages[4] is messages[4]


def test_one_message_object_in_two_places_is_changed_in_both() -> None:
    tool = {"role": "tool", "tool_call_id": "c", "content": TEXT}
    result = compress([tool, {"role": "user", "content": "again"}, tool], model="gpt-4o")
    assert tool["content"] == TEXT
    assert result.compressed
    assert result.messages[0]["content"] != TEXT and result.messages[2]["content"] != TEXT


@pytest.mark.parametrize(
    "text",
    [
        "x" * 2_000_000,
        "[" * 1_000_000,
        '"' * 1_000_000,
        " " * 1_000_000,
        "\r" * 200_000,
        "🙂" * 300_000,
        "\0" * 300_000,
    ],
    ids=["letters", "brackets", "quotes", "spaces", "returns", "emoji", "nul"],
)
def test_large_monotonous_text_is_handled(text: str) -> None:
    messages = [{"role": "tool", "tool_call_id": "c", "content": text}]
    result = compress(messages, model="gpt-4o")
    assert result.report["error"] is None
    assert result.tokens_after <= result.tokens_before
    assert messages[0]["content"] is text


def test_markers_in_user_data_are_left_alone() -> None:
    for marker in ("[3/9 rows shown; headroom_retrieve hash=0123456789abcdef01234567]", "<<ccr:0123456789ab rows>>"):
        content = TEXT + "\n" + marker
        messages = [{"role": "tool", "tool_call_id": "c", "content": content}]
        assert compress(messages, model="gpt-4o").messages[0] is messages[0]


def test_a_dict_whose_lookups_raise_is_passed_by() -> None:
    class Angry(dict):  # type: ignore[type-arg]
        def __getitem__(self, key: Any) -> Any:
            raise RuntimeError("angry")

        def get(self, key: Any, default: Any = None) -> Any:
            raise RuntimeError("angry")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("angry")

        __hash__ = None  # type: ignore[assignment]

    angry = Angry(role="tool", tool_call_id="c", content="short")
    result = compress([angry, *make_conversation()], model="gpt-4o", extensions=Touch())
    assert result.messages[0] is angry


def test_json_of_a_result_survives() -> None:
    messages = make_conversation()
    messages[3]["numbers"] = [1.0, 1e400, 2**70, -0.0]
    result = compress(messages, model="gpt-4o")
    assert json.dumps(result.messages[3]["numbers"]) == json.dumps(messages[3]["numbers"])
