"""A server on the loopback interface that answers as OpenAI, Anthropic and Google do, and keeps what it got."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "service-3"},
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [{"type": "text", "text": "service-3"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o",
    "status": "completed",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "service-3", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
}

CANDIDATE = {
    "candidates": [
        {"index": 0, "content": {"role": "model", "parts": [{"text": "service-3"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
}
#: What is answered to requests that offer tools: a call of the first one.
ARGUMENTS = {"limit": 3}


def _with_call(body: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The answer that calls the first tool, when the last message is the user's."""
    tools = body.get("tools")
    asked = body.get("messages") or body.get("contents") or []
    is_asked = bool(asked) and asked[-1].get("role") == "user" and "tool_result" not in json.dumps(asked[-1])
    if not tools or not is_asked or "functionResponse" in json.dumps(asked[-1]):
        return whole
    if whole is CHAT:
        call = {"id": "call_7", "type": "function"}
        call["function"] = {"name": tools[0]["function"]["name"], "arguments": json.dumps(ARGUMENTS)}
        choice = {"index": 0, "finish_reason": "tool_calls", "logprobs": None}
        return {
            **CHAT,
            "choices": [{**choice, "message": {"role": "assistant", "content": None, "tool_calls": [call]}}],
        }
    if whole is MESSAGE:
        use = {"type": "tool_use", "id": "toolu_7", "name": tools[0]["name"], "input": ARGUMENTS}
        return {**MESSAGE, "content": [use], "stop_reason": "tool_use"}
    if whole is CANDIDATE:
        call = {"name": tools[0]["functionDeclarations"][0]["name"], "args": ARGUMENTS}
        content = {"role": "model", "parts": [{"functionCall": call}]}
        return {**CANDIDATE, "candidates": [{"index": 0, "content": content, "finishReason": "STOP"}]}
    return whole


def _events(events: list[dict[str, Any]], named: bool, done: str = "") -> bytes:
    text = ""
    for event in events:
        text += f"event: {event['type']}\n" if named else ""
        text += f"data: {json.dumps(event)}\n\n"
    return (text + done).encode()


def _chat_stream() -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    deltas: list[tuple[dict[str, Any], Any]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "service"}, None),
        ({"content": "-3"}, None),
        ({}, "stop"),
    ]
    chunks: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} for delta, reason in deltas
    ]
    chunks.append({**base, "choices": [], "usage": CHAT["usage"]})
    return _events(chunks, False, "data: [DONE]\n\n")


def _message_stream() -> bytes:
    start = {**MESSAGE, "content": [], "stop_reason": None}
    return _events(
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "service"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "-3"}},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 2},
            },
            {"type": "message_stop"},
        ],
        True,
    )


def _response_stream() -> bytes:
    begun = {**RESPONSE, "status": "in_progress", "output": []}
    return _events(
        [
            {"type": "response.created", "response": begun, "sequence_number": 0},
            {"type": "response.completed", "response": RESPONSE, "sequence_number": 1},
        ],
        True,
    )


def _candidate_stream() -> bytes:
    text = CANDIDATE["candidates"]
    first = [{"index": 0, "content": {"role": "model", "parts": [{"text": "service"}]}}]
    last = [{**text[0], "content": {"role": "model", "parts": [{"text": "-3"}]}}]  # type: ignore[index]
    return _events([{"candidates": first}, {**CANDIDATE, "candidates": last}], False)


class Provider:
    """The server; ``requests`` holds path, headers (lower case) and body of everything that came."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.status = 200
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.requests.append({"path": self.path, "headers": headers, "body": body})
                whole, stream = provider._answer(self.path)
                whole = _with_call(body, whole)
                is_stream = body.get("stream") is True or ":streamGenerateContent" in self.path
                payload = stream if is_stream and provider.status == 200 else json.dumps(whole).encode()
                if provider.status != 200:
                    payload = json.dumps({"error": {"message": "no", "type": "refused"}}).encode()
                self.send_response(provider.status)
                self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
                self.send_header("content-length", str(len(payload)))
                self.send_header("x-served-by", "loopback")
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def _answer(path: str) -> tuple[dict[str, Any], bytes]:
        if path.endswith("/chat/completions"):
            return CHAT, _chat_stream()
        if path.endswith("/responses"):
            return RESPONSE, _response_stream()
        if ":generateContent" in path or ":streamGenerateContent" in path:
            return CANDIDATE, _candidate_stream()
        return MESSAGE, _message_stream()
