"""Runs one peer on cases, or counts tokens with tiktoken; prints a JSON line for each.

usage: savings_peer.py PEER PRESET CASE.json...     {"ms", "texts", "originals", "error"}: what became of the messages
       savings_peer.py count - TEXTS.json...        {"tokens"}: o200k_base tokens of a list of strings

PEER: headroom_ai or llmtrim, installed in the environment of the running interpreter. The time is that of the first call
on a case, after a warm-up on other content. A peer that fails on a case leaves its messages as they were.
"""
import json
import os
import re
import sys
import time

os.environ.update(HEADROOM_OFFLINE="1", HEADROOM_BEACON="off", DO_NOT_TRACK="1")
HASH = re.compile(r"(?:hash=|<<ccr:)([a-f0-9]{12,24})")


def strings(node):
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def messages_of(case):
    return case["payload"]["input"] if case["format"] == "responses" else case["messages"]


def chat_from_responses(items):
    """Items of OpenAI Responses as chat messages, for a library that does not take them."""
    out = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            out.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            out.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
        else:
            content = item["content"]
            if isinstance(content, list):
                content = "\n".join(part.get("text", "") for part in content)
            out.append({"role": item["role"], "content": content})
    return out


def headroom_ai(_preset):
    from headroom import compress
    from headroom.cache.compression_store import get_compression_store
    store = get_compression_store()

    def call(case):
        messages = messages_of(case)
        if case["format"] == "responses":
            messages = chat_from_responses(messages)
        return compress(messages, model=case["model"]).messages

    def original(key):
        entry = store.retrieve(key)
        return entry.original_content if entry else None
    return call, original


def llmtrim(preset):
    import llmtrim

    def call(case):
        if case["format"] == "responses":
            body = dict(case["payload"])
        else:
            body = {name: case[name] for name in ("model", "messages", "system") if name in case}
        provider = llmtrim.Provider.OPEN_AI
        if case["format"] == "anthropic":
            body["max_tokens"] = 1024
            provider = llmtrim.Provider.ANTHROPIC
        request = json.dumps(body, ensure_ascii=False)
        result = json.loads(llmtrim.compress(request, provider, preset).request_json)
        return result.get("messages") or result["input"]
    return call, lambda key: None


def originals(texts, original):
    for key in sorted({key for text in texts for key in HASH.findall(text)}):
        try:
            text = original(key)
        except Exception:  # what a marker does not give back is not recoverable
            continue
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if text:
            yield text


def warm_up():
    rows = json.dumps([{"host": f"warm-{row}", "up": row != 77, "load": row % 9} for row in range(200)])
    call = {"id": "w", "type": "function", "function": {"name": "hosts", "arguments": "{}"}}
    return {"format": "openai", "model": "gpt-4o", "messages": [
        {"role": "user", "content": "Which host is down?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "w", "content": rows},
        {"role": "user", "content": "Which host is down?"}]}


def count(paths):
    import litellm
    folder = os.path.join(os.path.dirname(litellm.__file__), "litellm_core_utils", "tokenizers")
    os.environ["TIKTOKEN_CACHE_DIR"] = folder
    import tiktoken
    encoding = tiktoken.get_encoding("o200k_base")
    for path in paths:
        with open(path, encoding="utf-8") as file:
            print(json.dumps({"tokens": sum(len(encoding.encode_ordinary(text)) for text in json.load(file))}))


def main():
    name, preset, *paths = sys.argv[1:]
    if name == "count":
        return count(paths)
    call, original = {"headroom_ai": headroom_ai, "llmtrim": llmtrim}[name](preset)
    for _ in range(3):
        call(warm_up())
    for path in paths:
        with open(path, encoding="utf-8") as file:
            case = json.load(file)
        line = {"error": None, "originals": []}
        start = time.perf_counter()
        try:
            body = call(case)
            line["ms"] = (time.perf_counter() - start) * 1000
        except Exception as error:  # a peer that fails on a case is shown as one that leaves it whole
            line.update(ms=(time.perf_counter() - start) * 1000, error=f"{type(error).__name__}: {error}")
            body = messages_of(case)
        line["texts"] = list(strings(body))
        line["originals"] = list(originals(line["texts"], original))
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
