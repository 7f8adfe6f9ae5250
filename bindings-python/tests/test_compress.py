"""``compress`` and ``acompress``: results, options, hooks, progress."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import log_conversation, log_text, make_conversation

import headroom
from headroom import (
    CompressConfig,
    CompressContext,
    CompressEvent,
    CompressionHooks,
    ConfigurationError,
    acompress,
    compress,
    retrieve,
)

STEPS = ["bias", "ccr", "cache", "dedupe", "compression"]


def test_the_result_has_every_field_and_the_callers_own_objects(conversation: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(conversation)
    result = compress(conversation, model="gpt-4o")
    assert conversation == before
    assert result.messages is not conversation
    assert all(result.messages[index] is conversation[index] for index in range(3))
    assert result.messages[3] is not conversation[3]
    assert result.messages[3]["tool_call_id"] == "call_1"
    assert result.tokens_before - result.tokens_after == result.tokens_saved > 0
    assert result.compression_ratio == pytest.approx(result.tokens_saved / result.tokens_before)
    assert result.compressed and result.response is None
    (route,) = result.transforms_applied
    assert route.startswith("router:json_table:")
    assert list(result.pipeline_timing) == STEPS
    assert set(result.pipeline_timing["compression"]) == {"duration_ms", "tokens_before", "tokens_after"}
    assert result.report["tokenizer"] == "o200k_base" and not result.report["estimated"]
    assert result.report["blocks"][0]["path"] == "[3].content"
    assert result.certificate["blocks"]
    assert repr(result).startswith("CompressResult(tokens_before=")


def test_what_is_not_compressed_equals_and_does_not_alias_the_callers_list() -> None:
    messages = [{"role": "user", "content": "hi"}]
    result = compress(messages)
    assert result.messages == messages and result.messages is not messages and result.messages[0] is messages[0]
    messages.append({"role": "user", "content": "more"})
    assert len(result.messages) == 1


def test_every_shape_comes_back_in_its_shape() -> None:
    text = log_text()
    shapes: list[tuple[Any, Any, str]] = [
        (log_conversation(), lambda value: value[3]["content"], "openai"),
        ({"model": "m", "messages": log_conversation()}, lambda value: value["messages"][3]["content"], "openai"),
        (
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "logs", "input": {}}]},
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}
                        ],
                    },
                ],
                "system": "s",
            },
            lambda value: value["messages"][2]["content"][0]["content"][0]["text"],
            "anthropic",
        ),
        (
            {
                "input": [
                    {"role": "user", "content": "q"},
                    {"type": "function_call_output", "call_id": "c", "output": text},
                ]
            },
            lambda value: value["input"][1]["output"],
            "openai",
        ),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "q"}]},
                    {"role": "model", "parts": [{"functionCall": {"name": "logs", "args": {}}}]},
                    {"role": "user", "parts": [{"functionResponse": {"name": "logs", "response": {"output": text}}}]},
                ]
            },
            lambda value: value["contents"][2]["parts"][0]["functionResponse"]["response"]["output"],
            "gemini",
        ),
    ]
    for given, find, provider in shapes:
        before = copy.deepcopy(given)
        seen: list[str] = []
        look = SimpleNamespace(on_pipeline_event=lambda event: seen.append(event.provider))
        result = compress(given, model="gpt-4o", extensions=look)
        assert given == before
        assert result.compressed, provider
        assert len(find(result.messages)) < len(text) / 2
        assert set(seen) == {provider}
        assert retrieve(result.ccr_hashes[0]) == text
        restored = copy.deepcopy(result.messages)
        assert json.dumps(restored).replace(json.dumps(find(result.messages)), json.dumps(text)) == json.dumps(before)


def test_options_come_from_keywords_before_the_config(conversation: list[dict[str, Any]]) -> None:
    config = CompressConfig(min_tokens_to_compress=10**9, exclude_tools=("nothing_*",))
    before = copy.deepcopy(config)
    assert not compress(conversation, config=config).compressed
    assert compress(conversation, config=config, min_tokens_to_compress=50).compressed
    assert config == before
    assert not compress(conversation, exclude_tools=["list_*"]).compressed
    assert not compress(conversation, exclude_tools=("list_*",)).compressed
    assert not compress(conversation, protect_recent=1).compressed
    assert not compress(conversation, optimize=False).compressed
    assert compress(conversation, optimize=False).tokens_before == compress(conversation).tokens_before


def test_the_config_has_exactly_the_engines_options_and_defaults() -> None:
    from dataclasses import asdict

    defaults = {**headroom._core.default_options(), "savings_profile": None}
    ours = asdict(CompressConfig())
    ours["exclude_tools"] = list(ours["exclude_tools"])
    assert ours == defaults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mdoe": "lossless"}, r"compress\(\) got an unknown option 'mdoe'; known: mode, compress_user_messages"),
        (
            {"mode": "fast"},
            r"options\.mode: unknown variant `fast`, expected one of `lossless`, `balanced`, `aggressive`",
        ),
        ({"target_ratio": 2.0}, r"options\.target_ratio: expected a number above 0.0 and at most 1.0, found 2"),
        ({"target_ratio": "half"}, r'options\.target_ratio: invalid type: string "half", expected f64'),
        ({"target_ratio": float("nan")}, r"options\.target_ratio: expected a finite number, found NaN"),
        ({"protect_recent": -1}, r"options\.protect_recent: .*-1"),
        ({"token_budget": 2**70}, r"options\.token_budget: expected an integer of at most 64 bits"),
        ({"exclude_tools": "bash"}, r'options\.exclude_tools: invalid type: string "bash", expected a sequence'),
        ({"exclude_tools": ["[a"]}, r"options\.exclude_tools\[0\]: expected a glob"),
        ({"exclude_tools": [object()]}, r"options\.exclude_tools\[0\]: expected a value that JSON has, found object"),
        (
            {"savings_profile": "extreme"},
            r'options\.savings_profile: expected "balanced" or "agent-90", found "extreme"',
        ),
        ({"config": {"mode": "lossless"}}, r"config: expected a CompressConfig, found dict"),
        ({"store": "redis://h"}, r"store: expected :memory:, sqlite:///path or a path"),
        ({"store": 3}, r"store: expected a path, a URL or :memory:, found a value of type int"),
        ({"extensions": "mine"}, r"hooks and extensions: expected objects, found the string 'mine'"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        compress([{"role": "user", "content": "hi"}], **options)
    assert caught.value.code == "configuration"


def test_a_savings_profile_stands_for_a_mode() -> None:
    messages = make_conversation(note="long note " * 5)
    texts = {
        name: compress(messages, model="gpt-4o", **options).messages[3]["content"]
        for name, options in {
            "balanced": {"mode": "balanced"},
            "aggressive": {"mode": "aggressive"},
            "agent-90": {"savings_profile": "agent-90"},
            "profile": {"savings_profile": "balanced"},
            "explicit": {"savings_profile": "agent-90", "mode": "balanced"},
        }.items()
    }
    assert texts["balanced"] == texts["profile"] == texts["explicit"] != texts["aggressive"]
    assert texts["aggressive"] == texts["agent-90"]


def test_a_model_limit_only_warns(conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    assert compress(conversation, model="gpt-4o", model_limit=10).compressed
    assert "more than the 10 that gpt-4o takes" in caplog.text


def test_progress_comes_in_order_and_may_change_biases(conversation: list[dict[str, Any]]) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def on_event(name: str, data: dict[str, Any]) -> None:
        seen.append((name, copy.deepcopy(data)))
        data["metadata"]["count"] = data["metadata"].get("count", 0) + 1

    compress(conversation, model="gpt-4o", on_event=on_event)
    assert [name for name, _ in seen] == ["pipeline:start", *["pipeline:step"] * 5, "pipeline:complete"]
    assert [data["step"] for name, data in seen if name == "pipeline:step"] == STEPS
    assert set(seen[0][1]) == {
        "request_id", "model", "provider", "operation", "start_time", "token_budget", "biases", "metadata",
    }  # fmt: skip
    assert [data["metadata"].get("count", 0) for _, data in seen] == list(range(7))
    assert seen[-1][1]["tokens_saved"] == seen[-1][1]["tokens_before"] - seen[-1][1]["tokens_after"]

    async def later(name: str, data: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if name == "pipeline:start":
            data["biases"][3] = 50.0

    assert compress(conversation, model="gpt-4o", on_event=later).report["prefix_changed_at"] == 3

    failures: list[str] = []
    compress([7], on_event=lambda name, data: failures.append(f"{name} {data['error']}"))
    assert failures == ["pipeline:error messages[0]: expected an object, found a value of type int"]


class Hooks(CompressionHooks):
    """All three hooks."""

    def __init__(self) -> None:
        self.events: list[CompressEvent] = []
        self.contexts: list[CompressContext] = []

    def pre_compress(self, messages: Any, ctx: CompressContext) -> Any:
        self.contexts.append(ctx)
        return [{"role": "system", "content": "Added."}, *messages]

    async def compute_biases(self, messages: Any, ctx: CompressContext) -> dict[int, float]:
        assert messages[0]["content"] == "Added."
        return {4: 2.0}

    def post_compress(self, event: CompressEvent) -> None:
        self.events.append(event)


def test_hooks_are_called_with_filled_arguments(conversation: list[dict[str, Any]]) -> None:
    hooks = Hooks()
    result = compress(conversation, model="gpt-4o", hooks=hooks)
    assert result.messages[0]["content"] == "Added."
    assert result.messages[1] is conversation[0]
    assert hooks.contexts == [CompressContext("gpt-4o", "Which service is slow?", 1, ["list_services"], "openai")]
    (event,) = hooks.events
    assert (event.tokens_before, event.tokens_after) == (result.tokens_before, result.tokens_after)
    assert event.tokens_saved == result.tokens_saved and event.transforms_applied == result.transforms_applied
    assert (event.model, event.provider, event.user_query) == ("gpt-4o", "openai", "Which service is slow?")
    result = asyncio.run(acompress(conversation, model="gpt-4o", hooks=[hooks]))
    assert len(hooks.events) == 2


def test_a_hook_that_raises_is_logged_and_skipped(
    conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(CompressionHooks):
        def pre_compress(self, messages: Any, ctx: CompressContext) -> Any:
            messages.clear()
            raise LookupError("nope")

        def compute_biases(self, messages: Any, ctx: CompressContext) -> Any:
            return {"first": "much"}

    result = compress(conversation, hooks=Bad())
    assert result.compressed and len(result.messages) == 4
    assert "hook Bad failed in pre_compress: LookupError: nope" in caplog.text
    assert "hook Bad failed in compute_biases: biases: expected a dict from message index to number" in caplog.text


def test_messages_that_are_models_of_a_package_pass_untouched_and_name_their_tools() -> None:
    from openai.types.chat import ChatCompletionMessage

    messages: list[Any] = log_conversation()
    messages[2] = ChatCompletionMessage.model_validate(messages[2])
    result = compress(messages, model="gpt-4o")
    assert result.compressed and result.messages[2] is messages[2]
    assert result.report["blocks"][0]["tool_name"] == "list_services"


def test_subclasses_of_dict_and_list_keep_their_class() -> None:
    class Message(OrderedDict):  # type: ignore[type-arg]
        pass

    messages = [Message(message) for message in log_conversation()]
    result = compress(messages, model="gpt-4o")
    assert result.compressed and type(result.messages[3]) is Message
    assert len(messages[3]["content"]) > len(result.messages[3]["content"])


def test_acompress_gives_what_compress_gives(conversation: list[dict[str, Any]]) -> None:
    async def main() -> None:
        results = await asyncio.gather(*(acompress(conversation, model="gpt-4o") for _ in range(4)))
        expected = compress(conversation, model="gpt-4o")
        assert [result.messages for result in results] == [expected.messages] * 4, [result.report for result in results]
        with pytest.raises(ConfigurationError):
            await acompress(conversation, mdoe=1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": None}, "model: expected a string, found None"),
        ({"provider": 3}, "provider: expected a string, found 3"),
        ({"session_id": 5}, "session_id: expected a string, found 5"),
        ({"optimize": 0}, "optimize: expected True or False, found 0"),
        ({"model_limit": None}, "model_limit: expected a number from 0, found None"),
        ({"on_event": 5}, "on_event: expected a function, found 5"),
    ],
)
def test_an_argument_that_cannot_be_is_named(arguments: dict[str, Any], message: str) -> None:
    messages = [{"role": "user", "content": "hi"}]
    with pytest.raises(ConfigurationError, match=message):
        compress(messages, **arguments)
    with pytest.raises(ConfigurationError, match=message):
        asyncio.run(acompress(messages, **arguments))
    assert compress(messages, provider=None).messages == messages


def test_extensions_see_the_tools_of_a_body_and_may_change_them(conversation: list[dict[str, Any]]) -> None:
    tools = [{"type": "function", "function": {"name": "one", "parameters": {}}}]
    seen: list[Any] = []

    class Add:
        stages = ["input_received"]

        def __init__(self, more: bool) -> None:
            self.more = more

        def on_pipeline_event(self, event: Any) -> None:
            seen.append(copy.deepcopy(event.tools))
            if self.more:
                event.tools.append({"type": "function", "function": {"name": "two", "parameters": {}}})

    body = {"model": "gpt-4o", "messages": conversation, "tools": tools}
    left = compress(body, extensions=Add(False)).messages
    assert seen == [tools] and left["tools"] is tools
    changed = compress(body, extensions=Add(True)).messages
    assert [tool["function"]["name"] for tool in changed["tools"]] == ["one", "two"]
    assert changed["tools"][0] is tools[0] and len(tools) == 1
    assert changed["messages"][3]["content"] == left["messages"][3]["content"]
    compress(conversation, extensions=Add(False))
    assert seen[-1] is None


def test_a_mode_that_is_set_goes_before_a_profile_wherever_both_stand() -> None:
    messages = make_conversation(note="long note " * 5)

    def text(**options: Any) -> str:
        return str(compress(messages, model="gpt-4o", **options).messages[3]["content"])

    balanced, aggressive = text(mode="balanced"), text(mode="aggressive")
    assert balanced != aggressive
    profiled = CompressConfig(savings_profile="agent-90")
    assert text(config=profiled) == aggressive
    assert text(config=CompressConfig(mode="balanced", savings_profile="agent-90")) == balanced
    assert text(config=profiled, mode="balanced") == balanced
    assert text(config=CompressConfig(mode="balanced"), savings_profile="agent-90") == balanced
    copies = [copy.deepcopy(profiled), dataclasses.replace(profiled), pickle.loads(pickle.dumps(profiled))]
    assert [text(config=config) for config in copies] == [aggressive] * 3
