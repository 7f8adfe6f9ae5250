"""Times one peer on request bodies and prints a JSON line a body: {"input", "ms", "saved"}.

usage: bench_peer.py PEER BODY.json...
PEER: headroom_ai or llmtrim, installed in the environment of the running interpreter. Every time is a first call on new
content, after a warm-up on other content: a marker is put into each copy of the text so that no cache knows it. The
figure of a body is the median of three copies, of one copy above 2 MB.
"""
import json
import os
import statistics
import sys
import time

os.environ.update(HEADROOM_OFFLINE="1", HEADROOM_BEACON="off", DO_NOT_TRACK="1")


def headroom_ai():
    from headroom import compress
    return lambda body: compress(body["messages"], model=body["model"]).messages


def llmtrim():
    import llmtrim

    def call(body):
        result = llmtrim.compress(json.dumps(body, ensure_ascii=False), llmtrim.Provider.OPEN_AI, "auto")
        return json.loads(result.request_json)["messages"]
    return call


def copy(body, number):
    body = json.loads(json.dumps(body))
    result = body["messages"][-1]
    result["content"] = result["content"].replace("node-1", f"node-{number}1").replace("10.0.0.", f"10.{number}.0.")
    result["content"] = result["content"].replace("module_1", f"module_{number}1")
    return body


def size(messages):
    return sum(len(str(message.get("content") or "")) for message in messages)


def main():
    call = {"headroom_ai": headroom_ai, "llmtrim": llmtrim}[sys.argv[1]]()
    bodies = {}
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as file:
            bodies[path] = json.load(file)
    smallest = min(bodies.values(), key=lambda body: size(body["messages"]))
    for number in range(3):
        call(copy(smallest, 900 + number))
    for path, body in bodies.items():
        before, times = size(body["messages"]), []
        for number in range(1 if before > 2_000_000 else 3):
            new = copy(body, number + 2)
            start = time.perf_counter()
            after = call(new)
            times.append((time.perf_counter() - start) * 1000)
        name = os.path.basename(path).removesuffix(".json").replace("_", " ")
        line = {"input": name, "ms": statistics.median(times), "saved": 1 - size(after) / before}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
