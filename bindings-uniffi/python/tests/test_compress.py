"""What a caller gives and gets."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import unittest

from headroom_uniffi import (
    AsyncProgressHandler,
    Bias,
    CompressOptions,
    HeadroomError,
    Mode,
    Progress,
    ProgressEvent,
    ProgressHandler,
    ProgressKind,
    answer_tool_call,
    compress,
    compress_async,
    retrieve,
    retrieve_tool,
)
from support import REPOSITORY, Warnings, make_conversation, options


class Compress(unittest.TestCase):
    def test_gives_the_same_blocking_and_awaited_and_every_original_back(self) -> None:
        given = json.dumps(make_conversation())
        result = compress(given, "gpt-4o", options(session_id="s"))
        awaited = asyncio.run(compress_async(given, "gpt-4o", options()))
        self.assertEqual(result.messages, awaited.messages)
        self.assertTrue(result.compressed)
        self.assertEqual(result.tokens_saved, result.tokens_before - result.tokens_after)
        self.assertEqual(result.report.blocks[0].tool_name, "list_services")
        self.assertEqual([step.step for step in result.pipeline_timing][:2], ["bias", "ccr"])
        self.assertIn("blocks", json.loads(result.certificate))
        table = compress(given, "gpt-4o", options(mode=Mode.AGGRESSIVE, token_budget=300))
        (original, *_) = table.ccr_hashes
        self.assertEqual(retrieve(original, store=":memory:"), make_conversation()[3]["content"])
        self.assertLess(len(retrieve(original, query="service-7", store=":memory:")), 40_000)

    def test_every_byte_that_is_not_replaced_stays(self) -> None:
        given = '{ "n": 1E0, "big": 1180591620717411303424, "messages": [{"role":"user","content":"h\\u0069"}] }'
        self.assertEqual(compress(given, "gpt-4o", options()).messages, given)

    def test_a_model_can_ask_back(self) -> None:
        result = compress(json.dumps(make_conversation()), "gpt-4o", options(token_budget=300))
        self.assertEqual(json.loads(retrieve_tool("openai"))["function"]["name"], "headroom_retrieve")
        function = {"name": "headroom_retrieve", "arguments": json.dumps({"hash": result.ccr_hashes[0]})}
        answer = answer_tool_call(json.dumps({"id": "c9", "type": "function", "function": function}), ":memory:")
        self.assertEqual(json.loads(answer)["content"], make_conversation()[3]["content"])

    def test_errors_have_a_class_a_code_and_a_sentence(self) -> None:
        cases = [
            (HeadroomError.InvalidInput, "invalid_input", "body", lambda: compress("{", "gpt-4o", options())),
            (HeadroomError.Configuration, "configuration", "options.target_ratio: expected",
             lambda: compress("[]", "gpt-4o", options(target_ratio=2.0))),
            (HeadroomError.Configuration, "configuration", "provider: expected one of", lambda: retrieve_tool("x")),
            (HeadroomError.NotFound, "not_found", "", lambda: retrieve("0" * 24, store=":memory:")),
        ]
        for kind, code, sentence, call in cases:
            with self.assertRaises(kind) as caught:
                call()
            self.assertIsInstance(caught.exception, HeadroomError)
            self.assertEqual(caught.exception.code, code)
            self.assertIn(sentence, str(caught.exception))

    def test_a_wrong_type_never_reaches_the_engine(self) -> None:
        with self.assertRaises(TypeError):
            compress([], "gpt-4o")  # type: ignore[arg-type]
        with self.assertRaises((TypeError, ValueError)):
            compress("[]", "gpt-4o", CompressOptions(token_budget=-1))


class ProgressEvents(unittest.TestCase):
    def test_tell_every_step_and_take_biases_and_metadata_back(self) -> None:
        seen: list[tuple[str, ProgressKind]] = []
        last: list[object] = []

        def told(event: ProgressEvent) -> None:
            seen.append((event.name(), event.kind()))
            if event.name() == "pipeline:start":
                event.set_biases([Bias(message=3, bias=0.5)])
                event.set_metadata("mine", '{"a":1}')
            last[:] = [event.metadata("mine"), event.biases(), event.request_id()]

        class Plain(ProgressHandler):
            def on_progress(self, event: ProgressEvent) -> None:
                told(event)

        class Async(AsyncProgressHandler):
            async def on_progress(self, event: ProgressEvent) -> None:
                await asyncio.sleep(0)
                told(event)

        given = json.dumps(make_conversation())
        for handler in (Progress.PLAIN(Plain()), Progress.ASYNC(Async())):
            for call in (compress, lambda *args: asyncio.run(compress_async(*args))):
                seen.clear()
                result = call(given, "gpt-4o", options(on_progress=handler, token_budget=5000))
                names = [name for name, _ in seen]
                self.assertEqual((names[0], names[-1]), ("pipeline:start", "pipeline:complete"))
                self.assertEqual(seen[0][1].token_budget, 5000)
                steps = [kind.step for name, kind in seen if name == "pipeline:step"]
                self.assertEqual(steps, [step.step for step in result.pipeline_timing])
                self.assertEqual(seen[-1][1].tokens_after, result.tokens_after)
                self.assertEqual(last, ['{"a":1}', [Bias(message=3, bias=0.5)], result.report.request_id])
                self.assertEqual(result.report.prefix_changed_at, 3)

    def test_a_handler_that_throws_is_logged_and_skipped(self) -> None:
        class Broken(ProgressHandler):
            def on_progress(self, event: ProgressEvent) -> None:
                raise RuntimeError("broken")

        with Warnings() as warnings:
            result = compress(json.dumps(make_conversation()), "gpt-4o", options(on_progress=Progress.PLAIN(Broken())))
        self.assertTrue(result.compressed)
        self.assertTrue(warnings and all("broken" in text for text in warnings), warnings)


class Readme(unittest.TestCase):
    def test_the_example_runs(self) -> None:
        text = (REPOSITORY / "bindings-uniffi/python/README.md").read_text(encoding="utf-8")
        (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
        ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, r"^\d+ tokens became \d+\n$")


if __name__ == "__main__":
    unittest.main()
