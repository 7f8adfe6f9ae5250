"""The resources whose requests go through the pipeline."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from .. import _core
from ..config import HeadroomMode
from ._answers import answering_client
from ._apis import Api
from ._package import origin_of
from ._request import Request, Settings
from ._streams import watch

_log = logging.getLogger("headroom.pipeline")


class Namespace:
    """A part of the wrapped client with some of its parts replaced."""

    def __init__(self, original: Any, **replaced: Any) -> None:
        self._original = original
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Base:
    """``create``, ``stream`` and ``simulate`` of one API; everything else is the wrapped resource's own."""

    def __init__(self, resource: Any, api: Api, client: Any, settings: Settings) -> None:
        self._resource = resource
        self._api = api
        self._client = client
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        if name == "_resource":  # A copy that is being made has none yet.
            raise AttributeError(name)
        return getattr(self._resource, name)

    def _begin(self, keywords: dict[str, Any], *, stream: bool) -> Request:
        return Request(self._api, self._settings, keywords, stream=stream)

    def _answering(self, request: Request, answer: Any, keywords: dict[str, Any]) -> Any:
        """The same resource of a client that answers with this and sends nothing."""
        usage_options = keywords.get("stream_options")
        include_usage = isinstance(usage_options, dict) and bool(usage_options.get("include_usage"))
        model = str(keywords.get("model", ""))
        client = answering_client(
            self._client, self._api, answer, model=model, stream=request.stream, include_usage=include_usage
        )
        for name in self._api.resource:
            client = getattr(client, name)
        return client

    @property
    def _raw(self) -> Any:
        """The resource that also gives status and headers; only the real packages surely have it."""
        is_known = origin_of(self._client).package is not None
        return getattr(self._resource, "with_raw_response", None) if is_known else None


def _is_stream(keywords: dict[str, Any]) -> bool:
    return keywords.get("stream") is True


def _cannot_replace(response: Any, why: object) -> None:
    """Warns that the provider's answer, which is paid for, is given instead of what extensions left of it."""
    expected = type(response).__name__
    _log.warning("response at response_received: expected a %s or its fields, found %s; it is ignored", expected, why)


def _head_of_failure(failed: BaseException) -> tuple[int | None, Any]:
    """Status and headers of a refused request; nothing when there was no answer at all."""
    status_code = getattr(failed, "status_code", None)
    headers = getattr(getattr(failed, "response", None), "headers", None)
    return (status_code, headers) if isinstance(status_code, int) else (None, None)


def _head_of_stream(stream: Any) -> tuple[int, Any]:
    response = getattr(stream, "response", None) or getattr(stream, "_response", None)
    return getattr(response, "status_code", 200), getattr(response, "headers", None)


class Resource(_Base):
    """A resource of a blocking client."""

    def create(self, **keywords: Any) -> Any:
        """The wrapped ``create``.

        With ``headroom_mode="simulate"`` nothing is sent, and what comes back is what the compression came to.
        """
        request = self._begin(keywords, stream=_is_stream(keywords))
        answer = request.prepare()
        if request.mode is HeadroomMode.SIMULATE:
            return request.result()
        sent = request.keywords(self._resource.create)
        if answer is not None:
            return self._answering(request, request.received(answer), sent).create(**sent)
        raw = self._raw
        try:
            got = (raw or self._resource).create(**sent)
        except Exception as failed:
            request.post_send(*_head_of_failure(failed))
            raise
        status_code, headers = (got.status_code, got.headers) if raw is not None else (200, None)
        request.post_send(status_code, headers)
        response = got.parse() if raw is not None else got
        if request.stream:
            return watch(response, request, self._api, status_code)
        left = request.received(response, status_code)
        if left is response or isinstance(left, type(response)):
            return left
        try:
            return self._answering(request, left, sent).create(**sent)
        except Exception as error:
            _cannot_replace(response, error)
            return response

    def stream(self, **keywords: Any) -> StreamManager:
        """The wrapped ``stream``: a context manager over a stream with helpers."""
        return StreamManager(self, keywords)

    def simulate(self, **keywords: Any) -> _core.CompressResult:
        """Compresses, tells what it came to, and sends nothing."""
        keywords.setdefault("headroom_mode", HeadroomMode.SIMULATE)
        request = self._begin(keywords, stream=_is_stream(keywords))
        request.prepare()
        return request.result()


class StreamManager:
    """What ``stream`` gives; the request is made on entering.

    With ``headroom_mode="simulate"`` nothing is sent, and entering gives what the compression came to.
    """

    def __init__(self, resource: Resource, keywords: dict[str, Any]) -> None:
        self._resource = resource
        self._keywords = keywords
        self._manager: Any = None

    def __enter__(self) -> Any:
        owner = self._resource
        request = owner._begin(self._keywords, stream=True)
        answer = request.prepare()
        if request.mode is HeadroomMode.SIMULATE:
            return request.result()
        sent = request.keywords(owner._resource.stream)
        if answer is not None:
            self._manager = owner._answering(request, request.received(answer), sent).stream(**sent)
            return self._manager.__enter__()
        self._manager = owner._resource.stream(**sent)
        try:
            stream = self._manager.__enter__()
        except Exception as failed:
            request.post_send(*_head_of_failure(failed))
            raise
        status_code, headers = _head_of_stream(stream)
        request.post_send(status_code, headers)
        return watch(stream, request, owner._api, status_code)

    def __exit__(self, *exception: Any) -> Any:
        return self._manager.__exit__(*exception) if self._manager is not None else None


class AsyncResource(_Base):
    """A resource of an async client."""

    async def create(self, **keywords: Any) -> Any:
        """The wrapped ``create``, as in ``Resource``."""
        request = self._begin(keywords, stream=_is_stream(keywords))
        answer = await request.aprepare()
        if request.mode is HeadroomMode.SIMULATE:
            return request.result()
        sent = request.keywords(self._resource.create)
        if answer is not None:
            return await self._answering(request, await request.areceived(answer), sent).create(**sent)
        raw = self._raw
        try:
            got = await (raw or self._resource).create(**sent)
        except (Exception, asyncio.CancelledError) as failed:
            await request.apost_send(*_head_of_failure(failed))
            raise
        status_code, headers = (got.status_code, got.headers) if raw is not None else (200, None)
        await request.apost_send(status_code, headers)
        response = got.parse() if raw is not None else got
        if hasattr(type(response), "__await__"):  # Some versions read the answer only when asked to.
            response = await response
        if request.stream:
            return watch(response, request, self._api, status_code)
        left = await request.areceived(response, status_code)
        if left is response or isinstance(left, type(response)):
            return left
        try:
            return await self._answering(request, left, sent).create(**sent)
        except Exception as error:
            _cannot_replace(response, error)
            return response

    def stream(self, **keywords: Any) -> AsyncStreamManager:
        """The wrapped ``stream``: a context manager over a stream with helpers."""
        return AsyncStreamManager(self, keywords)

    async def simulate(self, **keywords: Any) -> _core.CompressResult:
        """Compresses, tells what it came to, and sends nothing."""
        keywords.setdefault("headroom_mode", HeadroomMode.SIMULATE)
        request = self._begin(keywords, stream=_is_stream(keywords))
        await request.aprepare()
        return request.result()


class AsyncStreamManager:
    """What ``stream`` of an async client gives, as ``StreamManager``."""

    def __init__(self, resource: AsyncResource, keywords: dict[str, Any]) -> None:
        self._resource = resource
        self._keywords = keywords
        self._manager: Any = None

    async def __aenter__(self) -> Any:
        owner = self._resource
        request = owner._begin(self._keywords, stream=True)
        answer = await request.aprepare()
        if request.mode is HeadroomMode.SIMULATE:
            return request.result()
        sent = request.keywords(owner._resource.stream)
        if answer is not None:
            answer = await request.areceived(answer)
            self._manager = owner._answering(request, answer, sent).stream(**sent)
            return await self._manager.__aenter__()
        self._manager = owner._resource.stream(**sent)
        try:
            stream = await self._manager.__aenter__()
        except (Exception, asyncio.CancelledError) as failed:
            await request.apost_send(*_head_of_failure(failed))
            raise
        status_code, headers = _head_of_stream(stream)
        await request.apost_send(status_code, headers)
        return watch(stream, request, owner._api, status_code)

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._manager.__aexit__(*exception) if self._manager is not None else None
