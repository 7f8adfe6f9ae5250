"""Real clients through a proxy before a scripted provider: the same answers, fewer bytes on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from clients import anthropic_messages, responses_input
from conftest import log_conversation
from google import genai
from provider import ARGUMENTS, Provider

import headroom
from headroom import PipelineEvent, retrieve, start_proxy

TOOL = {"name": "list_services", "description": "Lists.", "parameters": {"type": "object", "properties": {}}}


class Seen:
    """Keeps the answers."""

    stages = ["response_received"]

    def __init__(self) -> None:
        self.responses: list[Any] = []

    async def on_pipeline_event(self, event: PipelineEvent) -> None:
        self.responses.append(event.response)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def proxy(provider: Provider, seen: Seen) -> Iterator[headroom.Proxy]:
    upstreams = {name: provider.url for name in ("openai", "anthropic", "gemini")}
    with start_proxy(extensions=seen, discover=False, upstreams=upstreams) as running:
        yield running


def is_compressed(provider: Provider, text: str) -> bool:
    """Whether the last request has a marker in the place of a text, and the marker leads to it."""
    body = json.dumps(provider.requests[-1]["body"], ensure_ascii=False)
    hash_ = body.split("hash=")[1][:24]
    return len(body) < len(text) / 2 and retrieve(hash_) == text


def test_openai_whole_streamed_and_with_tools(proxy: headroom.Proxy, provider: Provider, seen: Seen) -> None:
    messages: Any = log_conversation()
    log = messages[3]["content"]
    tools: Any = [{"type": "function", "function": TOOL}]
    with openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client:
        whole = client.chat.completions.create(model="gpt-4o", messages=messages)
        assert whole.choices[0].message.content == "service-3" and is_compressed(provider, log)
        stream = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert text == "service-3" and is_compressed(provider, log)
        asked = client.chat.completions.create(model="gpt-4o", messages=messages[:2], tools=tools)
        (call,) = asked.choices[0].message.tool_calls or []
        assert call.type == "function" and json.loads(call.function.arguments) == ARGUMENTS
        result = {"role": "tool", "tool_call_id": call.id, "content": log}
        turn: Any = [*messages[:2], asked.choices[0].message.model_dump(exclude_none=True), result]
        assert client.chat.completions.create(model="gpt-4o", messages=turn, tools=tools).choices[0].message.content
        assert is_compressed(provider, log)
        answer = client.responses.create(model="gpt-4o", input=responses_input(log_conversation()))
        assert answer.output_text == "service-3" and is_compressed(provider, log)
        with client.responses.stream(model="gpt-4o", input=responses_input(log_conversation())) as events:
            assert events.get_final_response().output_text == "service-3"
    assert [response.get("object") for response in seen.responses[:5]] == ["chat.completion"] * 4 + ["response"]


def test_openai_async(proxy: headroom.Proxy, provider: Provider) -> None:
    messages: Any = log_conversation()

    async def talk() -> list[str]:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client:

            async def whole() -> str:
                answer = await client.chat.completions.create(model="gpt-4o", messages=messages)
                return answer.choices[0].message.content or ""

            async def streamed() -> str:
                stream = await client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

            return await asyncio.gather(*(talk() for talk in [whole, streamed] * 8))

    assert asyncio.run(talk()) == ["service-3"] * 16
    assert is_compressed(provider, messages[3]["content"])


def test_anthropic_whole_streamed_and_with_tools(proxy: headroom.Proxy, provider: Provider, seen: Seen) -> None:
    messages: Any = anthropic_messages(log_conversation())
    log = log_conversation()[3]["content"]
    given: Any = {"model": "claude-test", "max_tokens": 9}
    tools: Any = [{"name": "list_services", "input_schema": {"type": "object", "properties": {}}}]
    with anthropic.Anthropic(api_key="k", base_url=proxy.url, max_retries=0) as client:
        whole = client.messages.create(messages=messages, **given)
        assert whole.content[0].type == "text" and whole.content[0].text == "service-3"
        assert is_compressed(provider, log)
        with client.messages.stream(messages=messages, **given) as stream:
            assert "".join(stream.text_stream) == "service-3" and stream.get_final_message().stop_reason == "end_turn"
        asked = client.messages.create(messages=messages[:1], tools=tools, **given)
        (use,) = asked.content
        assert use.type == "tool_use" and use.input == ARGUMENTS
        result = {"type": "tool_result", "tool_use_id": use.id, "content": log}
        turn: Any = [*messages[:1], {"role": "assistant", "content": asked.content}]
        turn.append({"role": "user", "content": [result]})
        assert client.messages.create(messages=turn, tools=tools, **given).content[0].type == "text"
        assert is_compressed(provider, log)
    assert seen.responses[1]["content"] == [{"type": "text", "text": "service-3"}]

    async def talk() -> str:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=proxy.url, max_retries=0) as client:
            async with client.messages.stream(messages=messages, **given) as stream:
                return "".join([text async for text in stream.text_stream])

    assert asyncio.run(talk()) == "service-3"


def test_google_genai_whole_streamed_and_with_tools(proxy: headroom.Proxy, provider: Provider) -> None:
    log = log_conversation()[3]["content"]
    asked = {"role": "user", "parts": [{"text": "Which service is slow?"}]}
    call = {"role": "model", "parts": [{"function_call": {"name": "list_services", "args": {}}}]}
    response = {"function_response": {"name": "list_services", "response": {"output": log}}}
    contents: Any = [asked, call, {"role": "user", "parts": [response]}]
    config: Any = {"tools": [{"function_declarations": [{"name": "list_services", "description": "Lists."}]}]}
    client = genai.Client(api_key="k", http_options={"base_url": proxy.url})
    model = "gemini-2.5-flash"
    assert client.models.generate_content(model=model, contents=contents).text == "service-3"
    assert is_compressed(provider, log)
    pieces = client.models.generate_content_stream(model=model, contents=contents)
    assert "".join(piece.text or "" for piece in pieces) == "service-3"
    calls = client.models.generate_content(model=model, contents=[asked], config=config).function_calls
    assert [(call.name, call.args) for call in calls or []] == [("list_services", ARGUMENTS)]

    async def talk() -> str:
        return (await client.aio.models.generate_content(model=model, contents=contents)).text or ""

    assert asyncio.run(talk()) == "service-3"


def test_an_error_of_the_provider_is_the_clients_own_error(proxy: headroom.Proxy, provider: Provider) -> None:
    provider.status = 429
    with openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    with anthropic.Anthropic(api_key="k", base_url=proxy.url, max_retries=0) as claude:
        with pytest.raises(anthropic.RateLimitError):
            claude.messages.create(model="c", max_tokens=1, messages=[{"role": "user", "content": "hi"}])


def test_the_guardrail_of_litellm_compresses_and_retrieves(
    proxy: headroom.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.proxy.guardrails.guardrail_hooks.headroom.headroom import HeadroomGuardrail

    guardrail = HeadroomGuardrail(api_base=proxy.url, model="gpt-4o", guardrail_name="headroom")
    # It leaves the last exchange alone.
    later = [{"role": "assistant", "content": "Number 3."}, {"role": "user", "content": "Why?"}]
    messages = [*log_conversation(), *later]
    log = messages[3]["content"]

    async def talk() -> tuple[Any, str]:
        data: dict[str, Any] = {"model": "gpt-4o", "messages": messages}
        given = {"structured_messages": messages, "tools": None}
        guarded = await guardrail.apply_guardrail(inputs=given, request_data=data, input_type="request")
        text = guarded["structured_messages"][3]["content"]
        hash_ = text.split("hash=")[1][:24]
        return guarded, await guardrail._call_retrieve(hash_, None)

    guarded, original = asyncio.run(talk())
    assert len(guarded["structured_messages"][3]["content"]) < len(log) / 2
    assert guarded["structured_messages"][4:] == later
    assert [tool["function"]["name"] for tool in guarded["tools"]] == ["headroom_retrieve"]
    assert original == log
