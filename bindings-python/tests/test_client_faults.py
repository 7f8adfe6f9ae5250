"""``HeadroomClient``: what callers, subclasses and extensions get wrong."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest
from clients import (
    Cache,
    Recorder,
    anthropic_client,
    anthropic_messages,
    async_anthropic_client,
    async_openai_client,
    openai_client,
)
from provider import Provider

from headroom import (
    CompressConfig,
    CompressResult,
    ConfigurationError,
    ExtensionError,
    HeadroomClient,
    PipelineEvent,
    PipelineStage,
    ProviderError,
)

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]


class Put:
    """Sets a field of the event at a stage."""

    def __init__(self, stage: str, field: str, value: Any) -> None:
        self.stages = [stage]
        self._field = field
        self._value = value

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        setattr(event, self._field, self._value)


def test_a_simulated_stream_sends_nothing(provider: Provider, conversation: list[dict[str, Any]]) -> None:
    chat = openai_client(provider, default_mode="simulate")
    with chat.chat.completions.stream(model="gpt-4o", messages=conversation) as result:
        assert isinstance(result, CompressResult) and result.compressed
    claude = anthropic_client(provider)
    messages = anthropic_messages(conversation)
    with claude.messages.stream(
        model="claude-test", max_tokens=9, messages=messages, headroom_mode="simulate"
    ) as result:
        assert result.compressed

    async def main() -> None:
        client = async_openai_client(provider, default_mode="simulate")
        async with client.chat.completions.stream(model="gpt-4o", messages=conversation) as result:
            assert result.compressed

    asyncio.run(main())
    assert provider.requests == []


def test_simulate_compresses_in_every_mode_of_the_client(
    provider: Provider, conversation: list[dict[str, Any]]
) -> None:
    audit = openai_client(provider, default_mode="audit")
    assert audit.chat.completions.simulate(model="gpt-4o", messages=conversation).compressed
    claude = async_anthropic_client(provider, default_mode="audit")
    messages = anthropic_messages(conversation)
    assert asyncio.run(claude.messages.simulate(model="claude-test", messages=messages)).compressed
    assert provider.requests == []


def test_subclasses_are_wrapped_as_the_classes_of_their_package(provider: Provider) -> None:
    class AsyncLooking(openai.OpenAI):
        pass

    class Mine(openai.AsyncOpenAI):
        pass

    class Claude(anthropic.AsyncAnthropic):
        pass

    class Configured(openai.OpenAI):
        def __init__(self, url: str) -> None:
            super().__init__(api_key="k", base_url=url, max_retries=0)

    answer = {"choices": [{"message": {"content": "cached"}}]}
    url = f"{provider.url}/v1"
    blocking = AsyncLooking(api_key="k", base_url=url, max_retries=0)
    completion = HeadroomClient(blocking, discover=False).chat.completions.create(model="gpt-4o", messages=HI)
    assert completion.choices[0].message.content == "service-3"
    cached = HeadroomClient(blocking, discover=False, extensions=Cache(answer))
    assert cached.chat.completions.create(model="gpt-4o", messages=HI).choices[0].message.content == "cached"
    cached = HeadroomClient(Configured(url), discover=False, extensions=Cache(answer))
    assert cached.chat.completions.create(model="gpt-4o", messages=HI).choices[0].message.content == "cached"
    assert len(provider.requests) == 1

    async def main() -> None:
        mine = Mine(api_key="k", base_url=url, max_retries=0)
        completion = await HeadroomClient(mine, discover=False).chat.completions.create(model="gpt-4o", messages=HI)
        assert completion.choices[0].message.content == "service-3"
        cached = HeadroomClient(mine, discover=False, extensions=Cache(answer))
        completion = await cached.chat.completions.create(model="gpt-4o", messages=HI)
        assert completion.choices[0].message.content == "cached"
        claude = HeadroomClient(Claude(api_key="k", base_url=provider.url, max_retries=0), discover=False)
        message = await claude.messages.create(model="claude-test", max_tokens=9, messages=HI)
        assert message.content[0].text == "service-3"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("left", "found"),
    [({"choices": None}, "TypeError"), ("text", "found str"), ({"choices": [{"message": "hi"}]}, "Error")],
)
def test_an_answer_that_extensions_spoil_is_given_as_the_provider_sent_it(
    provider: Provider, caplog: pytest.LogCaptureFixture, left: Any, found: str
) -> None:
    spoil = Put("response_received", "response", left)
    completion = openai_client(provider, extensions=spoil).chat.completions.create(model="gpt-4o", messages=HI)
    assert type(completion) is openai.types.chat.ChatCompletion
    assert completion.choices[0].message.content == "service-3"
    (record,) = [record for record in caplog.records if record.name == "headroom.pipeline"]
    assert "expected a ChatCompletion or its fields" in record.getMessage() and found in record.getMessage()

    async def main() -> Any:
        client = async_openai_client(provider, extensions=spoil)
        return await client.chat.completions.create(model="gpt-4o", messages=HI)

    assert asyncio.run(main()).choices[0].message.content == "service-3"
    assert len(provider.requests) == 2


def test_an_early_answer_of_a_wrong_form_says_what_was_expected(provider: Provider) -> None:
    for stream in (False, True):
        client = openai_client(provider, extensions=Cache({"choices": None}))
        with pytest.raises(ExtensionError, match="fields of openai's ChatCompletion, found TypeError") as caught:
            client.chat.completions.create(model="gpt-4o", messages=HI, stream=stream)
        assert isinstance(caught.value.__cause__, TypeError)
    claude = anthropic_client(provider, extensions=Cache({"content": [3]}))
    with pytest.raises(ExtensionError, match="expected the fields of anthropic's Message"):
        claude.messages.create(model="claude-test", max_tokens=9, messages=HI, stream=True)
    assert provider.requests == []


def test_an_early_answer_may_have_characters_that_utf_8_has_not(provider: Provider) -> None:
    client = openai_client(provider, extensions=Cache({"choices": [{"message": {"content": "a\ud800\u2028b"}}]}))
    for stream in (False, True):
        answer = client.chat.completions.create(model="gpt-4o", messages=HI, stream=stream)
        text = list(answer)[0].choices[0].delta.content if stream else answer.choices[0].message.content
        assert text == "a\ud800\u2028b"


def test_the_last_header_can_be_removed(provider: Provider) -> None:
    client = openai_client(provider, extensions=Put("pre_send", "headers", {}))
    client.chat.completions.create(model="gpt-4o", messages=HI, extra_headers={"x-secret": "1"})
    assert "x-secret" not in provider.requests[0]["headers"]


def test_what_the_method_does_not_take_goes_out_in_the_body(provider: Provider) -> None:
    class Add:
        stages = [PipelineStage.PRE_SEND]

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            event.payload["cache_salt"] = "s"
            event.payload["temperature"] = 0.25

    client = openai_client(provider, extensions=Add())
    client.chat.completions.create(model="gpt-4o", messages=HI, extra_body={"own": 1})
    body = provider.requests[0]["body"]
    assert (body["cache_salt"], body["temperature"], body["own"]) == ("s", 0.25, 1)
    with client.chat.completions.stream(model="gpt-4o", messages=HI) as stream:
        list(stream)
    assert provider.requests[1]["body"]["cache_salt"] == "s"
    with pytest.raises(TypeError, match="tempreature"):
        client.chat.completions.create(model="gpt-4o", messages=HI, tempreature=1)


def test_the_limit_of_a_model_warns_before_the_request_is_sent(
    provider: Provider, conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    provider.status = 429
    client = openai_client(provider, model_context_limits={"gpt-4o": 10})
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="gpt-4o", messages=conversation)
    assert caplog.text.count("more than the 10 that gpt-4o takes") == 1
    caplog.clear()
    client.chat.completions.create(model="other", messages=HI, headroom_mode="simulate")
    assert "more than" not in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": CompressConfig(mode="bogus")}, "options.mode: unknown variant `bogus`"),  # type: ignore[arg-type]
        ({"store_url": "redis://x"}, "store: expected :memory:, sqlite:///path or a path"),
        ({"on_event": 5}, "on_event: expected a function, found 5"),
        ({"session_id": 5}, "session_id: expected a string, found 5"),
        ({"model_context_limits": [1]}, r"model_context_limits: expected a mapping of models to tokens, found \[1\]"),
        ({"model_context_limits": {"m": None}}, r"model_context_limits\['m'\]: expected a number from 0, found None"),
        ({"hooks": "mine"}, "hooks and extensions: expected objects, found the string 'mine'"),
    ],
)
def test_an_argument_that_cannot_be_is_named_when_a_client_is_made(
    provider: Provider, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        openai_client(provider, **options)


def test_a_client_that_is_not_of_the_named_provider_is_refused(provider: Provider) -> None:
    original = openai.OpenAI(api_key="k", base_url=provider.url)
    with pytest.raises(ProviderError, match="provider: expected openai, found 'anthropic' for a client of type OpenAI"):
        HeadroomClient(original, provider="anthropic")
    with pytest.raises(ProviderError, match="expected the provider of a client with chat, found 'openai'"):
        HeadroomClient(object(), provider="openai")
    with pytest.raises(ProviderError, match="original_client: expected a client, found the class OpenAI"):
        HeadroomClient(openai.OpenAI)
    client = openai_client(provider)
    with pytest.raises(ConfigurationError, match="headroom_mode: expected one of audit, optimize, simulate, found 'x'"):
        client.chat.completions.create(model="gpt-4o", messages=HI, headroom_mode="x")
    assert provider.requests == []


def test_hooks_of_any_iterable_take_part_in_every_request(provider: Provider) -> None:
    class Count:
        calls = 0

        def post_compress(self, event: Any) -> None:
            self.calls += 1

    count = Count()
    client = openai_client(provider, hooks=(hook for hook in [count]))
    for _ in range(2):
        client.chat.completions.create(model="gpt-4o", messages=HI)
    assert count.calls == 2


def test_a_cancelled_attempt_has_failed() -> None:
    seen = Recorder()

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            no_answer: Any = SimpleNamespace(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
            client = async_openai_client(no_answer, extensions=[seen])
            streamed = client.chat.completions.stream(model="gpt-4o", messages=HI)
            for attempt in (client.chat.completions.create(model="gpt-4o", messages=HI), streamed.__aenter__()):
                task = asyncio.create_task(attempt)
                while not (seen.seen and seen.seen[-1] == "pre_send"):
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert seen.seen[-1] == "post_send"
                assert seen.at("post_send")["metadata"]["status_code"] is None
                seen.events.clear()

    asyncio.run(main())
