"""``HeadroomClient``: what goes out, what extensions see, and what is passed on."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from clients import (
    CLIENT_STAGES,
    REQUEST_STAGES,
    AddHeader,
    AsyncAddHeader,
    Recorder,
    anthropic_client,
    anthropic_messages,
    async_anthropic_client,
    async_openai_client,
    openai_client,
    responses_input,
)
from provider import Provider

from headroom import CompressResult, ExtensionError, HeadroomClient, PipelineEvent, ProviderError


def test_a_chat_request_is_compressed_and_goes_through_all_eight_stages(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder, AddHeader()])
    completion = client.chat.completions.create(model="gpt-4o", messages=conversation, temperature=0.5)
    assert type(completion) is openai.types.chat.ChatCompletion
    assert completion.choices[0].message.content == "service-3"
    (request,) = provider.requests
    assert request["headers"]["x-team"] == "search"
    assert request["headers"]["authorization"] == "Bearer k"
    assert request["body"]["temperature"] == 0.5
    assert len(request["body"]["messages"][3]["content"]) < len(conversation[3]["content"]) / 2
    assert request["body"]["messages"][:3] == conversation[:3]
    assert recorder.seen == REQUEST_STAGES
    assert {event["operation"] for event in recorder.events} == {"sdk.request"}
    assert len({event["request_id"] for event in recorder.events if event["stage"] not in CLIENT_STAGES}) == 1
    assert recorder.at("input_received")["metadata"] == {
        "path": "/v1/chat/completions",
        "stream": False,
        "transport": "http",
    }
    assert recorder.at("input_received")["payload"]["temperature"] == 0.5
    assert recorder.at("input_cached")["metadata"]["cache_hit"] is False
    assert recorder.at("input_remembered")["metadata"]["injected"] == 0
    assert recorder.at("post_send")["metadata"]["status_code"] == 200
    assert recorder.at("post_send")["headers"]["x-served-by"] == "loopback"
    received = recorder.at("response_received")
    assert received["response"]["choices"][0]["message"]["content"] == "service-3"
    assert received["metadata"]["usage"]["total_tokens"] == 7
    assert received["metadata"]["duration_ms"] > 0


def test_an_anthropic_request_is_compressed(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    recorder = Recorder()
    client = anthropic_client(provider, extensions=[recorder, AddHeader()])
    messages = anthropic_messages(conversation)
    message = client.messages.create(model="claude-test", max_tokens=64, messages=messages)
    assert type(message) is anthropic.types.Message
    assert message.content[0].text == "service-3"
    (request,) = provider.requests
    assert request["headers"]["x-team"] == "search"
    sent = request["body"]["messages"][2]["content"][0]["content"]
    assert len(sent) < len(conversation[3]["content"]) / 2
    assert recorder.seen == REQUEST_STAGES
    assert recorder.at("input_received")["metadata"]["path"] == "/v1/messages"


def test_a_responses_request_has_its_items_in_the_payload(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder])
    response = client.responses.create(model="gpt-4o", input=responses_input(conversation))
    assert type(response).__name__ == "Response"
    assert response.output_text == "service-3"
    (request,) = provider.requests
    assert len(request["body"]["input"][2]["output"]) < len(conversation[3]["content"]) / 2
    received = recorder.at("input_received")
    assert received["messages"] is None
    assert received["payload"]["input"][0] == {"role": "user", "content": "Which service is slow?"}
    assert received["metadata"]["api_style"] == "responses"


def test_async_clients_run_extensions_on_the_loop_of_the_caller(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    loops: list[Any] = []

    class WhereAmI:
        async def on_pipeline_event(self, event: PipelineEvent) -> None:
            loops.append(asyncio.get_running_loop())

    async def main() -> None:
        recorder = Recorder()
        chat = async_openai_client(provider, extensions=[recorder, AsyncAddHeader(), WhereAmI()])
        completion = await chat.chat.completions.create(model="gpt-4o", messages=conversation)
        assert completion.choices[0].message.content == "service-3"
        assert recorder.seen == REQUEST_STAGES
        assert set(loops[len(CLIENT_STAGES) :]) == {asyncio.get_running_loop()}
        claude = async_anthropic_client(provider, extensions=[AsyncAddHeader()])
        message = await claude.messages.create(
            model="claude-test", max_tokens=9, messages=anthropic_messages(conversation)
        )
        assert message.content[0].text == "service-3"
        assert (
            await claude.messages.simulate(model="claude-test", messages=anthropic_messages(conversation))
        ).compressed
        response = await chat.responses.create(model="gpt-4o", input=responses_input(conversation))
        assert response.output_text == "service-3"

    asyncio.run(main())
    assert [request["headers"]["x-team"] for request in provider.requests] == ["search"] * 3


def test_what_extensions_change_goes_out(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    class Change:
        stages = ["pre_send"]

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            event.messages.insert(0, {"role": "system", "content": "Be brief."})
            event.tools.append({"type": "function", "function": {"name": "more", "parameters": {}}})

    tools = [{"type": "function", "function": {"name": "one", "parameters": {}}}]
    client = openai_client(provider, extensions=[Change()])
    client.chat.completions.create(model="gpt-4o", messages=conversation, tools=tools)
    body = provider.requests[0]["body"]
    assert body["messages"][0]["content"] == "Be brief."
    assert [tool["function"]["name"] for tool in body["tools"]] == ["one", "more"]
    assert len(tools) == 1 and len(conversation) == 4


def test_a_refused_request_is_told_and_raises_as_before(provider: Provider) -> None:
    provider.status = 429
    recorder = Recorder()
    client = openai_client(provider, extensions=[recorder])
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert recorder.at("post_send")["metadata"]["status_code"] == 429
    assert "response_received" not in recorder.seen

    recorder.events.clear()
    gone = HeadroomClient(
        openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0),
        extensions=[recorder],
        discover=False,
    )
    with pytest.raises(openai.APIConnectionError):
        gone.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert recorder.at("post_send")["metadata"]["status_code"] is None


def test_a_closed_extension_refuses_and_nothing_is_sent(provider: Provider) -> None:
    class Guard:
        failure_policy = "closed"
        stages = ["pre_send"]

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            raise PermissionError("no")

    client = openai_client(provider, extensions=[Guard()])
    with pytest.raises(ExtensionError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert isinstance(caught.value.__cause__, PermissionError)
    assert provider.requests == []


def test_modes_audit_and_simulate(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    audit = openai_client(provider, default_mode="audit")
    audit.chat.completions.create(model="gpt-4o", messages=conversation)
    assert provider.requests[0]["body"]["messages"] == conversation
    simulate = openai_client(provider, default_mode="simulate")
    result = simulate.chat.completions.create(model="gpt-4o", messages=conversation)
    assert isinstance(result, CompressResult) and result.compressed
    result = audit.chat.completions.simulate(model="gpt-4o", messages=conversation)
    assert result.tokens_before > 0
    assert len(provider.requests) == 1
    once = audit.chat.completions.create(model="gpt-4o", messages=conversation, headroom_mode="optimize")
    assert once.id == "chatcmpl-1"
    assert provider.requests[1]["body"]["messages"] != conversation
    with pytest.raises(Exception, match="mode: expected one of audit, optimize, simulate, found 'fast'"):
        openai_client(provider, default_mode="fast")


def test_everything_else_is_the_wrapped_clients_own(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    original = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0)
    client = HeadroomClient(original, discover=False)
    assert client.api_key == "k"
    assert client.models is original.models
    assert client.chat.completions.with_raw_response is original.chat.completions.with_raw_response
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=conversation)
    assert raw.status_code == 200
    assert provider.requests[0]["body"]["messages"] == conversation
    client.with_options(timeout=5).chat.completions.create(model="gpt-4o", messages=conversation)
    assert provider.requests[1]["body"]["messages"] != conversation
    with HeadroomClient(original, discover=False) as entered:
        assert entered.base_url == original.base_url


def test_a_client_that_is_neither_is_refused() -> None:
    with pytest.raises(ProviderError, match="expected openai or anthropic, found a client of type object"):
        HeadroomClient(object())
    with pytest.raises(ProviderError, match="found 'cohere'"):
        HeadroomClient(object(), provider="cohere")


def test_clients_that_only_look_like_one_are_called_directly(conversation: list[dict[str, Any]]) -> None:
    calls: list[dict[str, Any]] = []

    class Completions:
        def create(self, **keywords: Any) -> str:
            calls.append(keywords)
            return "done"

    class Chat:
        completions = Completions()

    class Client:
        chat = Chat()

    assert HeadroomClient(Client(), discover=False).chat.completions.create(model="m", messages=conversation) == "done"
    assert calls[0]["messages"] != conversation


def test_setup_is_emitted_when_a_client_is_made(provider: Provider) -> None:
    recorder = Recorder()
    openai_client(provider, extensions=[recorder])
    assert recorder.at("setup")["metadata"]["mode"] == "optimize"
    assert recorder.at("setup")["metadata"]["options"]["min_tokens_to_compress"] == 100
    assert [event["stage"] for event in recorder.events] == ["setup", "pre_start", "post_start"]
    assert recorder.at("post_start")["metadata"]["stores"] in (["sqlite"], ["memory"])


def test_progress_and_limits_are_told(
    provider: Provider, conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    names: list[str] = []
    client = openai_client(
        provider, on_event=lambda name, data: names.append(name), model_context_limits={"gpt-4o": 10}
    )
    client.chat.completions.create(model="gpt-4o", messages=conversation)
    assert names == ["pipeline:start", *["pipeline:step"] * 5, "pipeline:complete"]
    assert "more than the 10 that gpt-4o takes" in caplog.text
