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
from ._package import origin_of


def answering_client(original: Any, api: Api, answer: Any, *, model: str, stream: bool, include_usage: bool) -> Any:
    """A copy of a client that answers every request with this answer and sends nothing.

    Raises:
        ExtensionError: The answer has not the form that the API's answers have, or the client is of neither package.
    """
    if not isinstance(answer, dict) and not hasattr(answer, "model_dump"):
        found = type(answer).__name__
        raise ExtensionError(f"response: expected a dict or a model of the package, found {found}", {}, "extension")
    origin = origin_of(original)
    if origin.package is None:
        found = type(original).__name__
        sentence = f"response: expected a client of openai or anthropic to give it, found one of type {found}"
        raise ExtensionError(sentence, {}, "extension")
    package = importlib.import_module(origin.package)
    try:
        whole = api.complete(plain(answer), model)
        if stream:
            body, content_type = api.stream_body(whole, include_usage), "text/event-stream"
        else:
            body, content_type = json.dumps(whole).encode(), "application/json"
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        sentence = f"response: expected the fields of {origin.package}'s {api.answer_type}, found {found}"
        raise ExtensionError(sentence, {}, "extension") from error
    http_client = package.DefaultAsyncHttpxClient if origin.is_async else package.DefaultHttpxClient
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
