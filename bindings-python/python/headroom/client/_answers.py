"""Answers of extensions in the shape that the caller asked for.

The wrapped client itself reads the answer, over a transport that never leaves the process: so it comes back as the
package's own type, as a stream when one was asked for, and through helpers such as ``.stream()`` too.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from ..exceptions import ExtensionError
from ._apis import Api, plain


def answering_client(original: Any, api: Api, answer: Any, *, model: str, stream: bool, include_usage: bool) -> Any:
    """A copy of a client that answers every request with this answer and sends nothing."""
    if not isinstance(answer, dict) and not hasattr(answer, "model_dump"):
        found = type(answer).__name__
        raise ExtensionError(f"response: expected a dict or a model of the package, found {found}", {}, "extension")
    package = importlib.import_module(type(original).__module__.partition(".")[0])
    whole = api.complete(plain(answer), model)
    if stream:
        body, content_type = api.stream_body(whole, include_usage), "text/event-stream"
    else:
        body, content_type = json.dumps(whole).encode(), "application/json"
    is_async = type(original).__name__.startswith("Async")
    http_client = package.DefaultAsyncHttpxClient if is_async else package.DefaultHttpxClient
    http = _http_package(http_client)

    def respond(request: Any) -> Any:
        return http.Response(200, headers={"content-type": content_type}, content=body, request=request)

    return original.copy(http_client=http_client(transport=http.MockTransport(respond)), max_retries=0)


def _http_package(http_client: type) -> Any:
    """The HTTP package that the client's package builds on."""
    for base in http_client.__mro__:
        name = base.__module__.partition(".")[0]
        if name.startswith("httpx"):
            return importlib.import_module(name)
    raise ExtensionError(f"{http_client.__name__} is not built on httpx, so answers cannot be given", {}, "extension")
