"""One request of a wrapped client on its way through the stages."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import _core
from .._arguments import wrong
from .._compress import OnEvent
from .._loop import in_worker
from ..config import HeadroomMode
from ..hooks import CompressEvent
from ..pipeline import PipelineExtensionManager, PipelineStage
from ._apis import Api, plain

_log = logging.getLogger("headroom")

SDK_OPTIONS = ("extra_headers", "extra_query", "extra_body", "timeout")
"""Keywords of a call that are not part of the body."""


@dataclass
class Settings:
    """What a wrapped client was made with."""

    provider: str
    store: Any
    mode: HeadroomMode
    limits: dict[str, int]
    options: dict[str, Any] | None
    hooks: list[Any]
    manager: PipelineExtensionManager
    on_event: OnEvent | None
    session_id: str | None


def mode_of(name: str, mode: HeadroomMode | str) -> HeadroomMode:
    """The mode of a client or a call."""
    try:
        return HeadroomMode(mode)
    except ValueError:
        known = ", ".join(known.value for known in HeadroomMode)
        raise wrong(name, f"one of {known}", mode) from None


class _Limit:
    """Warns when a request is larger than its model takes."""

    def __init__(self, model: str, limit: int) -> None:
        self._model = model
        self._limit = limit

    def post_compress(self, event: CompressEvent) -> None:
        if event.tokens_after > self._limit:
            _log.warning(
                "the request has %d tokens, more than the %d that %s takes",
                event.tokens_after,
                self._limit,
                self._model,
            )


class Request:
    """One request: its run, and what the wrapped client is called with."""

    def __init__(self, api: Api, settings: Settings, keywords: dict[str, Any], *, stream: bool) -> None:
        given = dict(keywords)
        mode = given.pop("headroom_mode", None)
        self.mode = settings.mode if mode is None else mode_of("headroom_mode", mode)
        self.stream = stream
        self._settings = settings
        self._options = {name: given.pop(name) for name in SDK_OPTIONS if name in given}
        messages = given.get(api.list_key)
        if messages is not None and not isinstance(messages, (list, str)) and api.takes_iterables(messages):
            given[api.list_key] = list(messages)
        self._tools = given.get("tools") if isinstance(given.get("tools"), list) else None
        self._headers = dict(self._options.get("extra_headers") or {})
        self._given = frozenset(given)
        model = given.get("model")
        limit = settings.limits.get(model) if isinstance(model, str) else None
        self._run = _core.Run(
            given,
            {
                "model": model if isinstance(model, str) else "",
                "provider": settings.provider,
                "optimize": self.mode is not HeadroomMode.AUDIT,
                "options": settings.options,
                "manager": settings.manager,
                "hooks": settings.hooks if limit is None else [*settings.hooks, _Limit(str(model), limit)],
                "on_event": settings.on_event,
                "store": settings.store,
                "session_id": settings.session_id,
            },
        )
        for name, value in {"path": api.path, "stream": stream, "transport": "http", **api.metadata}.items():
            self._run.set_metadata(name, value)
        self._sent_at = time.monotonic()

    def steps(self) -> list[tuple[PipelineStage, Callable[[], Any]]]:
        """The stages before sending; one that gives something has the answer of an extension."""
        run = self._run
        return [
            (PipelineStage.INPUT_RECEIVED, lambda: run.receive(self._tools, self._headers)),
            (PipelineStage.INPUT_CACHED, lambda: run.cached(False, False)),
            (PipelineStage.INPUT_COMPRESSED, run.compress),
            (PipelineStage.INPUT_REMEMBERED, run.remember),
            (PipelineStage.PRE_SEND, run.pre_send),
        ]

    def is_quick(self, stage: PipelineStage) -> bool:
        """Whether a stage has nothing to do, so that a task need not leave its loop for it."""
        return stage is not PipelineStage.INPUT_COMPRESSED and not self._settings.manager.subscribes(stage)

    def prepare(self) -> Any:
        """Runs the stages before sending and gives the answer of an extension, if one answered."""
        for _, step in self.steps():
            if (answer := step()) is not None:
                return answer
        self._sent_at = time.monotonic()
        return None

    async def aprepare(self) -> Any:
        """``prepare`` with user code on the loop of the awaiting task."""
        for stage, step in self.steps():
            if (answer := step() if self.is_quick(stage) else await in_worker(step)) is not None:
                return answer
        self._sent_at = time.monotonic()
        return None

    def keywords(self, method: Callable[..., Any]) -> dict[str, Any]:
        """What a method of the wrapped client is called with.

        What an extension put into the body and the method has no parameter for goes out as a part of the body too.
        """
        body = self._run.body
        keywords = {**body, **self._options}
        added = [name for name in body if name not in self._given]
        if unknown := [name for name in added if not _takes(method, name)]:
            given = keywords.get("extra_body")
            own = dict(given) if isinstance(given, Mapping) else {}
            keywords["extra_body"] = {**own, **{name: keywords.pop(name) for name in unknown}}
        tools = self._run.tools
        if tools is not self._tools and tools is not None:
            keywords["tools"] = tools
        headers = self._run.headers
        if headers or "extra_headers" in keywords:
            keywords["extra_headers"] = headers
        return keywords

    def result(self) -> _core.CompressResult:
        """What the compression came to; ends the request."""
        return self._run.finish()

    def post_send(self, status_code: int | None, headers: Any) -> None:
        """The response head arrived, or the attempt failed."""
        self._run.post_send(status_code, dict(headers) if headers is not None else None)

    async def apost_send(self, status_code: int | None, headers: Any) -> None:
        """``post_send`` with user code on the loop of the awaiting task."""
        if self.is_quick(PipelineStage.POST_SEND):
            self.post_send(status_code, headers)
        else:
            await in_worker(self.post_send, status_code, headers)

    @property
    def observes_response(self) -> bool:
        """Whether anybody wants the answer; when not, a stream need not be assembled."""
        return self._settings.manager.subscribes(PipelineStage.RESPONSE_RECEIVED)

    def received(self, response: Any, status_code: int | None = None) -> Any:
        """The answer is complete; gives it back as the extensions left it."""
        left = response
        if self.observes_response:
            left = self._run.response_received(
                response,
                plain,
                status_code=status_code,
                stream=self.stream,
                usage=plain(response).get("usage"),
                duration_s=time.monotonic() - self._sent_at,
            )
        self.result()
        return left

    async def areceived(self, response: Any, status_code: int | None = None) -> Any:
        """``received`` with user code on the loop of the awaiting task."""
        if self.is_quick(PipelineStage.RESPONSE_RECEIVED):
            return self.received(response, status_code)
        return await in_worker(self.received, response, status_code)


def _takes(method: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter; one that cannot be looked at has every parameter."""
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return True
    return name in parameters or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
