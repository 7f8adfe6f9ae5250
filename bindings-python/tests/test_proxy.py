"""`start_proxy` and `headroom proxy`: extensions of Python inside the proxy's process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from clients import REQUEST_STAGES, AsyncAddHeader, Cache, Recorder
from conftest import log_conversation, make_conversation
from provider import CHAT, Provider

import headroom
from headroom import ConfigurationError, ExtensionError, PipelineEvent, start_proxy

TOKEN = "hunter2"


def post(url: str, model: str = "gpt-4o", headers: dict[str, str] | None = None, **body: Any) -> tuple[int, Any]:
    """Asks for a chat completion and gives status and answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
    given = {"content-type": "application/json", "authorization": "Bearer k", **(headers or {})}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), given)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def proxy_of(provider: Provider, *extensions: Any, **options: Any) -> headroom.Proxy:
    """A proxy before the provider."""
    upstreams = {name: provider.url for name in ("openai", "anthropic", "gemini")}
    return start_proxy(extensions=extensions, discover=False, upstreams=upstreams, **options)


def wait_for(happened: Callable[[], bool]) -> None:
    """Waits for what another thread or process does, and fails when it does not."""
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


class Only:
    """Runs a function at `pre_send` of requests for one model."""

    stages = ["pre_send"]

    def __init__(self, run: Any, model: str = "slow", name: str = "Only", **declared: Any) -> None:
        self.__name__ = name
        self.filter = {"models": [model]}
        self.run = run
        self.calls = 0
        for name, value in declared.items():
            setattr(self, name, value)

    def on_pipeline_event(self, event: PipelineEvent) -> Any:
        self.calls += 1
        return self.run(event)


def test_plain_and_async_extensions_see_every_stage_and_change_what_is_sent(provider: Provider) -> None:
    class Later(Recorder):
        async def on_pipeline_event(self, event: PipelineEvent) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            super().on_pipeline_event(event)

    plain, later = Recorder(), Later()
    messages = log_conversation()
    with proxy_of(provider, plain, later, AsyncAddHeader()) as proxy:
        assert proxy.url == f"http://127.0.0.1:{proxy.port}"
        status, answer = post(proxy.url, messages=messages)
    assert (status, answer) == (200, CHAT)
    for seen in (plain, later):
        assert seen.seen == REQUEST_STAGES
        assert {event["operation"] for event in seen.events} == {"proxy.request"}
        assert seen.at("response_received")["response"] == CHAT
        assert seen.at("input_received")["payload"]["messages"] == messages
        assert [event["stage"] for event in seen.events[:3]] == ["setup", "pre_start", "post_start"]
    (sent,) = provider.requests
    assert sent["headers"]["x-team"] == "search" and sent["headers"]["authorization"] == "Bearer k"
    assert len(sent["body"]["messages"][3]["content"]) < len(messages[3]["content"]) / 2
    hash_ = sent["body"]["messages"][3]["content"].split("hash=")[1][:24]
    assert headroom.retrieve(hash_) == messages[3]["content"]


def test_an_extension_replaces_the_request_and_answers_it(provider: Provider) -> None:
    def shout(event: PipelineEvent) -> None:
        event.messages[0]["content"] = "HI"
        event.metadata["tuple"] = (1, object())

    answer = {**CHAT, "id": "mine"}
    with proxy_of(provider, Only(shout, "loud", stages=["input_received"])) as proxy:
        assert post(proxy.url, "loud") == (200, CHAT)
    assert provider.requests[0]["body"]["messages"] == [{"role": "user", "content": "HI"}]
    with proxy_of(provider, Cache(answer)) as proxy:
        assert post(proxy.url) == (200, answer)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("kind", ["waits", "spins", "awaits", "blocks the loop"])
def test_one_that_hangs_costs_its_own_request_its_limit_and_the_others_nothing(provider: Provider, kind: str) -> None:
    begun, leave = threading.Event(), threading.Event()
    cancelled = threading.Event()

    def wait(_: Any) -> None:
        begun.set()
        leave.wait(60)

    def spin(_: Any) -> None:
        begun.set()
        while not leave.is_set():
            pass

    async def forever(_: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def block(_: Any) -> None:
        wait(_)

    run = {"waits": wait, "spins": spin, "awaits": forever, "blocks the loop": block}[kind]
    healthy = Recorder()
    with proxy_of(provider, Only(run, timeout_ms=1500), healthy) as proxy, ThreadPoolExecutor(9) as pool:
        start = time.monotonic()
        slow = pool.submit(post, proxy.url, "slow")
        assert begun.wait(60)
        others = list(pool.map(lambda _: post(proxy.url), range(8)))
        others_took = time.monotonic() - start
        assert others == [(200, CHAT)] * 8
        assert not slow.done() and others_took < 1.5, "the others were delayed"
        assert slow.result(60) == (200, CHAT), "its own request goes on without it"
        assert time.monotonic() - start >= 1.4
        if kind == "awaits":
            assert cancelled.wait(60)
        leave.set()
    assert healthy.seen.count("pre_send") == 9


def test_one_that_raises_or_returns_nonsense_is_left_out_and_told(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(event: PipelineEvent) -> None:
        event.headers["x-team"] = "half done"
        raise RuntimeError("no luck")

    def leaves(_: Any) -> None:
        sys.exit(3)

    def spoils(event: PipelineEvent) -> None:
        event.headers = {"x-team": {1, 2}}

    for number, (run, told) in enumerate([(raises, "no luck"), (leaves, "SystemExit"), (spoils, "headers")]):
        caplog.clear()
        with proxy_of(provider, Only(run, name=f"bad{number}")) as proxy:
            assert post(proxy.url, "slow") == (200, CHAT)
        assert "x-team" not in provider.requests[-1]["headers"]
        wait_for(lambda: f"bad{number}" in caplog.text)
        assert told in caplog.text and caplog.records[-1].levelno == logging.WARNING


def test_a_closed_one_refuses_and_after_five_limits_it_is_not_called(provider: Provider) -> None:
    def refuse(_: Any) -> None:
        raise ValueError("a secret is in it")

    with proxy_of(provider, Only(refuse, failure_policy="closed", name="guard")) as proxy:
        status, answer = post(proxy.url, "slow")
    assert status == 403 and "guard" in answer["error"]["message"]
    assert provider.requests == []
    leave = threading.Event()
    hangs = Only(lambda _: leave.wait(60) and None, timeout_ms=20)
    with proxy_of(provider, hangs) as proxy:
        for _ in range(7):
            assert post(proxy.url, "slow") == (200, CHAT)
        assert hangs.calls == 5
        leave.set()

    class Never:
        failure_policy = "closed"

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            raise RuntimeError("not today")

    with pytest.raises(ExtensionError, match="not today"):
        proxy_of(provider, Never())


def test_many_requests_at_once_reach_extensions_of_both_kinds(provider: Provider) -> None:
    async def later(event: PipelineEvent) -> None:
        event.headers["x-later"] = event.request_id

    def now(event: PipelineEvent) -> None:
        event.headers["x-now"] = event.request_id

    with proxy_of(provider, Only(later, "*", name="later"), Only(now, "*", name="now")) as proxy:
        with ThreadPoolExecutor(16) as pool:
            assert all(status == 200 for status, _ in pool.map(lambda _: post(proxy.url), range(200)))
    sent = [(request["headers"]["x-later"], request["headers"]["x-now"]) for request in provider.requests]
    assert len(set(sent)) == 200 and all(a == b for a, b in sent)


def test_stop_lets_requests_end_and_is_done_once(provider: Provider) -> None:
    begun, leave = threading.Event(), threading.Event()

    def wait(_: Any) -> None:
        begun.set()
        leave.wait(60)

    proxy = proxy_of(provider, Only(wait))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(post, proxy.url, "slow")
        assert begun.wait(60)
        stopping = pool.submit(proxy.stop)
        while can_connect(proxy.port):
            pass
        assert not stopping.done()
        leave.set()
        assert slow.result(60) == (200, CHAT)
        stopping.result(60)
    proxy.stop()
    assert repr(proxy) == f"Proxy('{proxy.url}')"


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def test_threads_of_extensions_end_with_the_proxy(provider: Provider) -> None:
    async def later(_: Any) -> None: ...

    before = set(threading.enumerate())
    with proxy_of(provider, Only(later, "*", name="a"), Only(lambda _: None, "*", name="b")) as proxy:
        assert post(proxy.url)[0] == 200
    mine = [thread for thread in set(threading.enumerate()) - before if thread.name != "headroom-log"]
    for thread in mine:
        thread.join(60)
    assert not [thread for thread in mine if thread.is_alive()]


def test_options_are_checked_and_the_file_is_read_when_asked(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="limits: unknown field `body`"):
        start_proxy(limits={"body": 1})
    with pytest.raises(ConfigurationError, match="unknown option 'mdoe'"):
        start_proxy(compress={"mdoe": 1})
    with pytest.raises(ConfigurationError, match="expected a proxy token"):
        start_proxy(host="0.0.0.0")
    with start_proxy(discover=False) as proxy, pytest.raises(ConfigurationError, match="cannot listen on"):
        start_proxy(proxy.port)
    file = tmp_path / "headroom.toml"
    lines = ["[proxy]", "port = 0", f'token = "{TOKEN}"', 'extension_packages = ["of-node"]']
    file.write_text("\n".join([*lines, "[proxy.upstreams]", f'openai = "{provider.url}"', ""]))
    with start_proxy(config=file, discover=False) as proxy:
        wait_for(lambda: "left out here: of-node" in caplog.text)
        assert post(proxy.url)[0] == 401
        assert post(proxy.url, headers={"x-headroom-proxy-token": TOKEN}) == (200, CHAT)
    monkeypatch.setenv("HEADROOM_PROXY_TOKEN", "other")
    with start_proxy(config=True, discover=False, upstreams={"openai": provider.url}, port=0) as proxy:
        assert post(proxy.url)[0] == 401
    with proxy_of(provider, compress={"mode": "lossless"}) as proxy:
        assert post(proxy.url) == (200, CHAT), "the environment is not read unless it is asked for"


EXTENSION = """
import pathlib, time

class Plain:
    stages = ["pre_send"]
    def on_pipeline_event(self, event):
        event.headers["x-plain"] = "1"
        if event.model == "slow":
            pathlib.Path({begun!r}).touch()
            while not pathlib.Path({leave!r}).exists():
                time.sleep(0.01)
        if event.model == "broken":
            raise RuntimeError("no luck")

class Later:
    stages = ["pre_send"]
    async def on_pipeline_event(self, event):
        event.headers["x-later"] = "1"
"""


@contextmanager
def command(provider: Provider, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`headroom proxy` with an installed package of two extensions."""
    begun, leave = str(folder / "begun"), str(folder / "leave")
    (folder / "sample_extension.py").write_text(EXTENSION.format(begun=begun, leave=leave))
    info = folder / "sample_extension-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-extension\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[headroom.pipeline_extension]\nplain = sample_extension:Plain\nlater = sample_extension:Later\n"
    )
    words = [sys.executable, "-m", "headroom._command", "proxy", "--port", "0", "--openai-url", provider.url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "listening on " in line, line + process.stderr.read()
        yield process, line.split("listening on ")[1].split()[0]
    finally:
        process.kill()
        process.communicate()


def test_the_command_runs_extensions_found_by_entry_point_and_drains_at_ctrl_c(
    provider: Provider, tmp_path: Path
) -> None:
    with command(provider, tmp_path) as (process, url), ThreadPoolExecutor(1) as pool:
        assert post(url) == (200, CHAT)
        assert {"x-plain", "x-later"} <= set(provider.requests[0]["headers"])
        assert post(url, "broken") == (200, CHAT)
        slow = pool.submit(post, url, "slow")
        wait_for((tmp_path / "begun").exists)
        process.send_signal(signal.SIGINT)
        while can_connect(int(url.rsplit(":", 1)[1])):
            pass
        (tmp_path / "leave").touch()
        assert slow.result(60) == (200, CHAT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert "no luck" in said, "what is logged is told"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_leaves_the_proxy_to_its_parent(provider: Provider) -> None:
    from test_processes import in_child

    with proxy_of(provider, Recorder()) as proxy:
        assert in_child(lambda: proxy.stop() or "left") == "left"
        assert post(proxy.url, messages=make_conversation(2)) == (200, CHAT)
