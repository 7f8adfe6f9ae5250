"""``HeadroomClient``: streams, early answers, and replaced responses."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from clients import (
    REQUEST_STAGES,
    Cache,
    Recorder,
    anthropic_client,
    anthropic_messages,
    async_anthropic_client,
    async_openai_client,
    openai_client,
    responses_input,
)
from provider import Provider

from headroom import ExtensionError, PipelineEvent, PipelineStage


def test_streams_pass_as_they_come_and_are_received_assembled(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder])
    stream = client.chat.completions.create(model="gpt-4o", messages=conversation, stream=True)
    assert isinstance(stream, openai.Stream)
    texts = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    assert "".join(text or "" for text in texts) == "service-3"
    assert recorder.seen == REQUEST_STAGES
    received = recorder.at("response_received")
    assert received["response"]["choices"][0]["message"] == {"role": "assistant", "content": "service-3"}
    assert received["response"]["usage"]["total_tokens"] == 7
    assert received["metadata"]["stream"] is True

    recorder.events.clear()
    with client.chat.completions.stream(model="gpt-4o", messages=conversation) as helper:
        for _ in helper:
            pass
        assert helper.get_final_completion().choices[0].message.content == "service-3"
    assert recorder.seen == REQUEST_STAGES

    recorder.events.clear()
    events = list(client.responses.create(model="gpt-4o", input=responses_input(conversation), stream=True))
    assert events[-1].type == "response.completed"
    assert recorder.at("response_received")["response"]["id"] == "resp_1"


def test_anthropic_streams_are_received_assembled(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    recorder = Recorder()
    client = anthropic_client(provider, extensions=[recorder])
    messages = anthropic_messages(conversation)
    list(client.messages.create(model="claude-test", max_tokens=9, messages=messages, stream=True))
    assert recorder.seen == REQUEST_STAGES
    assert recorder.at("response_received")["response"]["content"] == [{"type": "text", "text": "service-3"}]
    recorder.events.clear()
    with client.messages.stream(model="claude-test", max_tokens=9, messages=messages) as helper:
        assert "".join(helper.text_stream) == "service-3"
    assert recorder.seen == REQUEST_STAGES


def test_async_streams_are_received_assembled(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    async def main() -> None:
        recorder = Recorder()
        client = async_openai_client(provider, extensions=[recorder])
        stream = await client.chat.completions.create(model="gpt-4o", messages=conversation, stream=True)
        async for _ in stream:
            pass
        assert recorder.seen == REQUEST_STAGES
        recorder.events.clear()
        async with client.chat.completions.stream(model="gpt-4o", messages=conversation) as helper:
            final = await helper.get_final_completion()
        assert final.choices[0].message.content == "service-3"
        assert recorder.seen == REQUEST_STAGES
        claude = async_anthropic_client(provider, extensions=[Recorder()])
        async with claude.messages.stream(
            model="claude-test", max_tokens=9, messages=anthropic_messages(conversation)
        ) as text:
            assert [piece async for piece in text.text_stream] == ["service", "-3"]

    asyncio.run(main())


def test_a_stream_that_is_left_before_its_end_is_not_received(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder])
    with client.chat.completions.create(model="gpt-4o", messages=conversation, stream=True) as stream:
        next(iter(stream))
    assert recorder.seen == REQUEST_STAGES[:-1]


@pytest.mark.parametrize("stage", [PipelineStage.INPUT_RECEIVED, PipelineStage.INPUT_CACHED, PipelineStage.PRE_SEND])
def test_an_early_answer_sends_nothing_and_comes_as_the_packages_own_type(
    provider: Provider, conversation: list[dict[str, Any]], stage: PipelineStage
) -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "cached"}}]}
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder, Cache(answer, stage)])
    completion = client.chat.completions.create(model="gpt-4o", messages=conversation)
    assert type(completion) is openai.types.chat.ChatCompletion
    assert completion.choices[0].message.content == "cached"
    assert completion.choices[0].finish_reason == "stop"
    assert provider.requests == []
    assert recorder.seen == [*REQUEST_STAGES[: REQUEST_STAGES.index(stage.value) + 1], "response_received"]
    assert recorder.at("response_received")["response"]["choices"] == answer["choices"]


def test_an_early_answer_streams_when_a_stream_was_asked_for(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    answer = {"choices": [{"message": {"role": "assistant", "content": "cached", "tool_calls": [call]}}]}
    client = openai_client(provider, extensions=[Cache(answer)])
    stream = client.chat.completions.create(model="gpt-4o", messages=conversation, stream=True)
    assert isinstance(stream, openai.Stream)
    chunks = list(stream)
    assert chunks[0].choices[0].delta.content == "cached"
    assert chunks[0].choices[0].delta.tool_calls[0].function.arguments == '{"a":1}'
    assert chunks[-1].choices[0].finish_reason == "stop"
    with client.chat.completions.stream(model="gpt-4o", messages=conversation) as helper:
        assert helper.get_final_completion().choices[0].message.content == "cached"

    output = [
        {"type": "message", "content": "cached"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    responses = openai_client(provider, extensions=[Cache({"output": output})])
    assert responses.responses.create(model="gpt-4o", input="hi").output_text == "cached"
    with responses.responses.stream(model="gpt-4o", input="hi") as helper:
        for _ in helper:
            pass
        assert helper.get_final_response().output_text == "cached"

    content = [{"type": "text", "text": "cached"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]
    claude = anthropic_client(provider, extensions=[Cache({"content": content})])
    messages = [{"role": "user", "content": "hi"}]
    assert claude.messages.create(model="claude-test", max_tokens=9, messages=messages).content[0].text == "cached"
    with claude.messages.stream(model="claude-test", max_tokens=9, messages=messages) as helper:
        final = helper.get_final_message()
    assert final.content[0].text == "cached" and final.content[1].input == {"a": 1}
    assert provider.requests == []


def test_an_early_answer_may_be_a_model_of_the_package(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    first = openai_client(provider).chat.completions.create(model="gpt-4o", messages=conversation)
    client = openai_client(provider, extensions=[Cache(first)])
    again = client.chat.completions.create(model="gpt-4o", messages=conversation)
    assert again == first
    assert len(provider.requests) == 1

    async def main() -> None:
        other = async_openai_client(provider, extensions=[Cache(first)])
        assert await other.chat.completions.create(model="gpt-4o", messages=conversation) == first

    asyncio.run(main())
    assert len(provider.requests) == 1


def test_an_answer_of_a_wrong_type_is_an_error_that_says_so(provider: Provider) -> None:
    client = openai_client(provider, extensions=[Cache("text")])
    with pytest.raises(ExtensionError, match="response: expected a dict or a model of the package, found str"):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])


def test_a_response_that_was_not_streamed_can_be_replaced(provider: Provider) -> None:
    class Redact:
        stages = ["response_received"]

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            event.response["choices"][0]["message"]["content"] = "redacted"

    client = openai_client(provider, extensions=[Redact()])
    completion = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert type(completion) is openai.types.chat.ChatCompletion
    assert completion.choices[0].message.content == "redacted"
    assert len(provider.requests) == 1
