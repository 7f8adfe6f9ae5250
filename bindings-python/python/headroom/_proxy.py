"""A proxy in this process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from . import _core
from ._arguments import text, wrong
from .config import CompressConfig, chosen_options
from .pipeline import discover_pipeline_extensions


class Proxy:
    """A proxy that listens. ``with`` stops it at the end; it ends with this object at the latest."""

    def __init__(self, running: _core.RunningProxy) -> None:
        self._running = running
        self.port: int = running.port
        """The port that it listens on."""
        self.url: str = f"http://{running.address}"
        """Where it listens: ``base_url`` of Anthropic's and Google's clients, and with ``/v1`` of OpenAI's."""

    def stop(self) -> None:
        """Takes no new connection and waits for the requests under way, as long as the drain limit allows."""
        self._running.stop()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


def start_proxy(
    port: int | None = None,
    *,
    extensions: Any = None,
    discover: bool = True,
    config: bool | str | os.PathLike[str] | None = None,
    host: str | None = None,
    token: str | None = None,
    store: str | os.PathLike[str] | None = None,
    upstreams: Mapping[str, Any] | None = None,
    allowed_hosts: Iterable[str] | None = None,
    allowed_origins: Iterable[str] | None = None,
    limits: Mapping[str, int] | None = None,
    timeouts: Mapping[str, int] | None = None,
    retries: Mapping[str, int | Sequence[int]] | None = None,
    response_cache: bool | None = None,
    retrieval_tool: bool | None = None,
    compress: CompressConfig | Mapping[str, Any] | None = None,
) -> Proxy:
    """Starts a proxy in this process, and gives it back when it listens.

    Extensions run on threads of their own, coroutines on an event loop of their own; a call may take two seconds unless
    its extension declares ``timeout_ms``.

    Args:
        port: Where to listen; a free port by default.
        extensions: Objects with ``on_pipeline_event(event)``, plain or ``async def``.
        discover: Whether extensions that installed packages offer under the entry point group run too, after these.
        config: ``True`` or the path of a ``headroom.toml`` reads that file, and the environment, as the command
            ``headroom proxy`` does; what is given here wins over both. Nothing is read by default.
        host: The address to listen on; any other than a loopback address needs a token.
        token: What clients must send as ``x-headroom-proxy-token``.
        store: Where originals go, as in ``compress``.
        upstreams: Addresses under ``openai``, ``chatgpt``, ``anthropic`` and ``gemini``, and more under ``named``.
        allowed_hosts: Names that clients may have in ``Host``.
        allowed_origins: Origins that browsers may send.
        limits: ``body_bytes``, ``header_bytes``, ``connections``, ``frame_bytes``, ``response_bytes``.
        timeouts: ``connect_ms``, ``first_byte_ms``, ``idle_ms``, ``headers_ms``, ``compress_ms``, ``drain_ms``.
        retries: ``attempts``, ``statuses``, ``backoff_ms``, ``max_backoff_ms``.
        response_cache: Whether answers are kept and given again.
        retrieval_tool: Whether the model is offered the tool that brings originals back.
        compress: How requests are compressed: a ``CompressConfig`` or its fields.

    Raises:
        ConfigurationError: An option has a value that it cannot have, or the address cannot be listened on.
        ExtensionError: A ``closed`` extension refused the start.
    """
    path = None if config is None or isinstance(config, bool) else os.fspath(config)
    if compress is None or isinstance(compress, CompressConfig):
        chosen = chosen_options("start_proxy", compress, {})
    elif isinstance(compress, Mapping):
        chosen = chosen_options("start_proxy", None, dict(compress))
    else:
        raise wrong("compress", "a CompressConfig or a mapping", compress)
    options = {
        "port": port,
        "host": host,
        "token": token,
        "store": store,
        "upstreams": None if upstreams is None else {**upstreams},
        "allowed_hosts": None if allowed_hosts is None else _texts("allowed_hosts", allowed_hosts),
        "allowed_origins": None if allowed_origins is None else _texts("allowed_origins", allowed_origins),
        "limits": None if limits is None else {**limits},
        "timeouts": None if timeouts is None else {**timeouts},
        "retries": None if retries is None else {**retries},
        "response_cache": response_cache,
        "retrieval_tool": retrieval_tool,
        "compress": chosen,
    }
    found = _core.usable_extensions(discover_pipeline_extensions()) if discover else []
    return Proxy(_core.start_proxy(options, config not in (None, False), path, extensions, found))


def _texts(name: str, given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise wrong(name, "a list of strings", given)
    return [text(name, item) for item in given]
