"""``HeadroomClient`` around the real packages, against a server on the loopback interface."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest
from provider import Provider

from headroom import CompressResult, ExtensionError, HeadroomClient, PipelineEvent, PipelineStage, ProviderError

REQUEST_STAGES = [
    "input_received",
    "input_cached",
    "input_routed",
    "input_compressed",
    "input_remembered",
    "pre_send",
    "post_send",
    "response_received",
]


class Recorder:
    """Keeps what it saw."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        seen = {"stage": event.stage.value, "operation": event.operation, "request_id": event.request_id}
        seen["metadata"] = dict(event.metadata)
        seen["response"] = event.response
        seen["payload"] = event.payload
        seen["messages"] = event.messages
        seen["headers"] = event.headers
        self.events.append(seen)

    @property
    def seen(self) -> list[str]:
        return [event["stage"] for event in self.events if event["stage"] != "setup"]

    def at(self, stage: str) -> dict[str, Any]:
        (event,) = [event for event in self.events if event["stage"] == stage]
        return event


class AddHeader:
    """Injects a header by in-place change."""

    stages = [PipelineStage.PRE_SEND]

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        event.headers["x-team"] = "search"


class AsyncAddHeader:
    """The same as a coroutine."""

    stages = ["pre_send"]

    async def on_pipeline_event(self, event: PipelineEvent) -> None:
        await asyncio.sleep(0)
        event.headers["x-team"] = "search"


class Cache:
    """Answers early."""

    def __init__(self, response: Any, stage: PipelineStage = PipelineStage.INPUT_RECEIVED) -> None:
        self.response = response
        self.stage = stage

    def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None:
        if event.stage is not self.stage:
            return None
        return PipelineEvent(PipelineStage.RESPONSE_RECEIVED, event.operation, response=self.response)


def openai_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0), discover=False, **options
    )


def anthropic_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0), discover=False, **options
    )


def async_openai_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0), discover=False, **options
    )


def async_anthropic_client(provider: Provider, **options: Any) -> HeadroomClient:
    return HeadroomClient(
        anthropic.AsyncAnthropic(api_key="k", base_url=provider.url, max_retries=0), discover=False, **options
    )


def anthropic_messages(conversation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    use = {"type": "tool_use", "id": "t1", "name": "list_services", "input": {"limit": 400}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": conversation[3]["content"]}
    return [
        {"role": "user", "content": conversation[1]["content"]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]


def responses_input(conversation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": conversation[1]["content"]},
        {"type": "function_call", "call_id": "c1", "name": "list_services", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": conversation[3]["content"]},
    ]


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
    assert len({event["request_id"] for event in recorder.events if event["stage"] != "setup"}) == 1
    assert recorder.at("input_received")["metadata"] == {"path": "/v1/chat/completions", "stream": False, "transport": "http"}
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
        assert set(loops[1:]) == {asyncio.get_running_loop()}
        claude = async_anthropic_client(provider, extensions=[AsyncAddHeader()])
        message = await claude.messages.create(
            model="claude-test", max_tokens=9, messages=anthropic_messages(conversation)
        )
        assert message.content[0].text == "service-3"
        assert (await claude.messages.simulate(model="claude-test", messages=anthropic_messages(conversation))).compressed
        response = await chat.responses.create(model="gpt-4o", input=responses_input(conversation))
        assert response.output_text == "service-3"

    asyncio.run(main())
    assert [request["headers"]["x-team"] for request in provider.requests] == ["search"] * 3


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

    output = [{"type": "message", "content": "cached"}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]
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


