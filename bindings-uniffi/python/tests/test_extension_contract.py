"""The promises of ``tests/extensions/README.md``, in Python by uniffi."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
import time
import unittest
from typing import Any

from headroom_uniffi import (
    FailurePolicy,
    Filter,
    HeadroomError,
    Outcome,
    PipelineEvent,
    PipelineExtensionManager,
    PipelineStage,
    compress,
    compress_async,
    retrieve,
)
from support import Warnings, awaiting, make_conversation, options, outcomes, plain

COMPRESS_STAGES = ["input_received", "input_routed", "input_compressed"]
RECEIVED = [PipelineStage.INPUT_RECEIVED]
GIVEN = json.dumps(make_conversation())


def both(function: Any, *arguments: Any, **declared: Any) -> list[Any]:
    """The function as a plain and as an async extension."""

    async def later(event: PipelineEvent) -> Any:
        await asyncio.sleep(0)
        return function(event)

    return [plain(function, *arguments, **declared), awaiting(later, *arguments, **declared)]


def ways(given: str, made: Any) -> list[Any]:
    """What both doors give."""
    return [compress(given, "gpt-4o", made), asyncio.run(compress_async(given, "gpt-4o", made))]


class Contract(unittest.TestCase):
    def test_happy_path(self) -> None:
        seen: list[dict[str, Any]] = []

        def look(event: PipelineEvent) -> None:
            names = event.metadata_names()
            metadata = {name: json.loads(event.metadata(name)) for name in names}
            seen.append({"stage": event.stage().name.lower(), "messages": event.messages(), "metadata": metadata})
            seen[-1]["head"] = (event.operation(), event.provider(), event.model(), event.request_id())
            trail = metadata.get("trail", []) + [seen[-1]["stage"]]
            event.set_metadata("trail", json.dumps(trail))

        for registration in both(look):
            seen.clear()
            for turn, result in enumerate(ways(GIVEN, options(registration, session_id="s1"))):
                events = seen[turn * 3 : turn * 3 + 3]
                self.assertEqual([event["stage"] for event in events], COMPRESS_STAGES)
                self.assertEqual(json.loads(events[0]["messages"]), make_conversation())
                self.assertEqual(events[0]["metadata"]["session_id"], "s1")
                self.assertEqual(events[1]["metadata"]["routes"][0]["transform"], "json_table")
                self.assertEqual(json.loads(events[2]["messages"]), json.loads(result.messages))
                self.assertEqual(events[2]["metadata"]["original_messages"], make_conversation())
                self.assertEqual(events[2]["metadata"]["tokens_after"], result.tokens_after)
                self.assertEqual(events[2]["metadata"]["trail"], COMPRESS_STAGES[:2])
                self.assertEqual(events[2]["head"][:3], ("compress", "openai", "gpt-4o"))
                self.assertEqual(set(outcomes(result).values()), {"changed"})

    def test_throws(self) -> None:
        ran: list[str] = []

        def broken(event: PipelineEvent) -> None:
            event.set_messages("[]")
            event.set_metadata("half", "true")
            raise RuntimeError("broken")

        def look(event: PipelineEvent) -> None:
            ran.append(event.stage().name.lower())
            assert "half" not in event.metadata_names()
            assert len(json.loads(event.messages())) == 4

        without = compress(GIVEN, "gpt-4o", options())
        for registration in both(broken, "Broken"):
            with Warnings() as warnings:
                results = ways(GIVEN, options(registration, plain(look)))
            self.assertEqual(ran, COMPRESS_STAGES * 2)
            ran.clear()
            for result in results:
                self.assertEqual(result.messages, without.messages)
                self.assertEqual(set(outcomes(result, "Broken").values()), {"failed_open"})
            self.assertEqual(len(warnings), 6)
            self.assertTrue(all("Broken" in text and "RuntimeError('broken')" in text for text in warnings), warnings)
            self.assertIn("input_received", warnings[0])
        for registration in both(
            broken, "Guard", failure_policy=FailurePolicy.CLOSED, stages=[PipelineStage.INPUT_COMPRESSED]
        ):
            with self.assertRaises(HeadroomError.Extension) as caught:
                ways(GIVEN, options(registration))
            self.assertIn("extension Guard failed at input_compressed: RuntimeError('broken')", str(caught.exception))
            details = caught.exception.details
            self.assertEqual((details["extension"], details["stage"]), ("Guard", "input_compressed"))
            self.assertIn("RuntimeError('broken')", details["cause"])

    def test_throws_what_is_no_exception(self) -> None:
        def leave(event: PipelineEvent) -> None:
            raise SystemExit(3)

        async def stray(event: PipelineEvent) -> None:
            raise asyncio.CancelledError

        def unreadable(event: PipelineEvent) -> None:
            event.set_tools("[1,")

        for registration in [*both(leave), awaiting(stray), *both(unreadable)]:
            for result in ways(GIVEN, options(registration)):
                self.assertTrue(result.compressed)
                self.assertEqual(set(outcomes(result).values()), {"failed_open"})

    def test_wrong_return_type(self) -> None:
        for registration in both(lambda event: 7, stages=RECEIVED):
            with Warnings() as warnings:
                results = ways(GIVEN, options(registration))
            for result in results:
                self.assertTrue(result.compressed)
                self.assertEqual(outcomes(result), {"input_received": "ran"})
            self.assertEqual(len(warnings), 2)
            self.assertTrue(all("Mine" in text and "found int" in text for text in warnings), warnings)
        wrong = [(PipelineStage.PRE_SEND, "pre_send"), (PipelineStage.RESPONSE_RECEIVED, "response")]
        for stage, named in wrong:
            with Warnings() as warnings:
                made = options(plain(lambda event, stage=stage: PipelineEvent(stage, "compress"), stages=RECEIVED))
                self.assertTrue(compress(GIVEN, "gpt-4o", made).compressed)
            self.assertTrue(any(named in text for text in warnings), warnings)

    def test_changes_in_place(self) -> None:
        def shout(event: PipelineEvent) -> None:
            messages = json.loads(event.messages())
            messages[1]["content"] = messages[1]["content"].upper()
            event.set_messages(json.dumps(messages))

        for registration in both(shout, stages=RECEIVED):
            for result in ways(GIVEN, options(registration)):
                messages = json.loads(result.messages)
                self.assertEqual(messages[1]["content"], "WHICH SERVICE IS SLOW?")
                self.assertEqual(messages[0], make_conversation()[0])
                self.assertEqual(outcomes(result), {"input_received": "changed"})

        def same(event: PipelineEvent) -> None:
            event.set_messages(json.dumps(json.loads(event.messages()), indent=1))

        odd = GIVEN.replace(": ", ":   ")
        kept = compress(odd, "gpt-4o", options(plain(same, stages=RECEIVED)))
        self.assertEqual(outcomes(kept), {"input_received": "ran"})
        self.assertTrue(kept.messages.startswith(odd[:200]))

        def revert(event: PipelineEvent) -> None:
            messages = json.loads(event.messages())
            messages[3] = json.loads(event.metadata("original_messages"))[3]
            event.set_messages(json.dumps(messages))

        result = compress(GIVEN, "gpt-4o", options(plain(revert, stages=[PipelineStage.INPUT_COMPRESSED])))
        self.assertEqual(result.messages, GIVEN)
        self.assertEqual(result.tokens_after, result.tokens_before)
        with Warnings() as warnings:
            made = options(plain(lambda event: event.set_messages("[]"), stages=[PipelineStage.INPUT_ROUTED]))
            self.assertEqual(len(json.loads(compress(GIVEN, "gpt-4o", made).messages)), 4)
        self.assertTrue(any("messages cannot be changed at input_routed" in text for text in warnings))

    def test_replaces(self) -> None:
        shorter = '[{"role":"user","content":"only this"}]'
        later: list[tuple[Any, Any]] = []

        def replace(event: PipelineEvent) -> PipelineEvent:
            made = PipelineEvent(event.stage(), event.operation())
            made.set_messages(shorter)
            made.set_metadata("by", '"replace"')
            return made

        def look(event: PipelineEvent) -> None:
            later.append((event.messages(), event.metadata("by")))

        for registration in both(replace, "Replace", stages=RECEIVED):
            for result in ways(GIVEN, options(registration, plain(look))):
                self.assertEqual(json.loads(result.messages), json.loads(shorter))
                self.assertEqual(later[-3:], [(shorter, '"replace"')] * 3)
        unchanged = plain(lambda event: PipelineEvent(event.stage(), event.operation()), stages=RECEIVED)
        self.assertEqual(outcomes(compress(GIVEN, "gpt-4o", options(unchanged))), {"input_received": "ran"})
        itself = compress(GIVEN, "gpt-4o", options(plain(lambda event: event)))
        self.assertEqual(set(outcomes(itself).values()), {"ran"})

        def renamed(event: PipelineEvent) -> PipelineEvent:
            event.set_model("other")
            return event

        with Warnings() as warnings:
            compress(GIVEN, "gpt-4o", options(plain(renamed, stages=RECEIVED)))
        self.assertIn("model cannot be changed at input_received", warnings[0])
        biased = plain(lambda event: event.set_metadata("biases", '{"3": 2.0}'), stages=[PipelineStage.INPUT_ROUTED])
        self.assertEqual(compress(GIVEN, "gpt-4o", options(biased)).report.prefix_changed_at, 3)

    def test_answers_early(self) -> None:
        seen: list[str] = []

        def answer(event: PipelineEvent) -> PipelineEvent:
            event.set_stage(PipelineStage.RESPONSE_RECEIVED)
            event.set_response('{"text":"cached"}')
            return event

        def look(event: PipelineEvent) -> None:
            seen.append(event.stage().name.lower())

        for registration in both(answer, "Cache", stages=RECEIVED):
            seen.clear()
            for result in ways(GIVEN, options(registration, plain(look))):
                self.assertEqual(result.response, '{"text":"cached"}')
                self.assertEqual(result.messages, GIVEN)
                self.assertFalse(result.compressed)
                self.assertEqual(outcomes(result, "Cache"), {"input_received": "answered"})
            self.assertEqual(seen, ["response_received"] * 2)

    def test_never_answers(self) -> None:
        cancelled, release = threading.Event(), threading.Event()
        late: list[PipelineEvent] = []

        async def coroutine(event: PipelineEvent) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        def blocking(event: PipelineEvent) -> None:
            release.wait(60)
            event.set_messages("[]")
            late.append(event)

        with Warnings() as warnings:
            # Long enough that the coroutine has begun; one that has not is never started.
            made = options(awaiting(coroutine, timeout_ms=400, stages=RECEIVED))
            for door in (compress, lambda *given: asyncio.run(compress_async(*given))):
                self.assertEqual(outcomes(door(GIVEN, "gpt-4o", made)), {"input_received": "timed_out"})
                self.assertTrue(cancelled.wait(10))
                cancelled.clear()
            results = ways(GIVEN, options(plain(blocking, timeout_ms=40, stages=RECEIVED)))
        self.assertTrue(all("no answer within 40" in text for text in warnings), warnings)
        release.set()
        until = time.monotonic() + 10
        while len(late) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        for result in results:
            self.assertEqual(outcomes(result), {"input_received": "timed_out"})
            self.assertEqual(len(json.loads(result.messages)), 4)
        self.assertEqual(len(late), 2)

        silent = options(awaiting(coroutine, timeout_ms=1, stages=RECEIVED))
        became = [outcomes(compress(GIVEN, "gpt-4o", silent))["input_received"] for _ in range(7)]
        self.assertEqual(became, ["timed_out"] * 5 + ["breaker_open"] * 2)
        guard = awaiting(coroutine, "Guard", timeout_ms=20, failure_policy=FailurePolicy.CLOSED)
        with self.assertRaisesRegex(HeadroomError.Extension, "Guard failed at input_received: no answer within 20 ms"):
            compress(GIVEN, "gpt-4o", options(guard))
        with self.assertRaisesRegex(HeadroomError.Configuration, "extension Mine: timeout_ms: expected"):
            options(plain(blocking, timeout_ms=0))

    def test_many_threads(self) -> None:
        def nested(event: PipelineEvent) -> None:
            event.set_metadata("mine", json.dumps(json.loads(event.messages())[1]["content"]))
            inner = compress(GIVEN, "gpt-4o", options(token_budget=300))
            assert retrieve(inner.ccr_hashes[0], store=":memory:")

        async def anested(event: PipelineEvent) -> None:
            assert json.loads(event.metadata("mine")) == json.loads(event.messages())[1]["content"]
            # Blocks the loop that it runs on, whose coroutines then need another one.
            await compress_async(json.dumps(make_conversation(40)), "gpt-4o", options(awaiting(quick)))

        async def quick(event: PipelineEvent) -> None:
            await asyncio.sleep(0)

        shared = options(plain(nested, "Nested", stages=RECEIVED), awaiting(anested, "Async", stages=RECEIVED))

        def given(number: int) -> str:
            messages = make_conversation(60)
            messages[1]["content"] = f"question {number}"
            return json.dumps(messages)

        def check(number: int, result: Any) -> None:
            self.assertEqual(json.loads(result.messages)[1]["content"], f"question {number}")
            calls = [(call.extension, call.outcome) for call in result.report.extensions]
            self.assertEqual(calls, [("Nested", Outcome.CHANGED), ("Async", Outcome.RAN)])

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            def one(number: int) -> None:
                check(number, compress(given(number), "gpt-4o", shared))

            for done in [pool.submit(one, number) for number in range(24)]:
                done.result(timeout=240)

        async def many() -> None:
            async def aone(number: int) -> None:
                check(number, await compress_async(given(number), "gpt-4o", shared))

            await asyncio.gather(*(aone(number) for number in range(16)))

        asyncio.run(asyncio.wait_for(many(), 240))

    def test_async_extensions_run_on_the_loop_that_awaits_and_never_on_one_that_waits(self) -> None:
        async def main() -> None:
            here: list[bool] = []

            async def look(event: PipelineEvent) -> None:
                here.append(asyncio.get_running_loop() is loop)

            loop = asyncio.get_running_loop()
            await compress_async(GIVEN, "gpt-4o", options(awaiting(look, stages=RECEIVED)))
            # Blocks this loop, so the extension must run elsewhere.
            compress(GIVEN, "gpt-4o", options(awaiting(look, stages=RECEIVED)))
            self.assertEqual(here, [True, False])

        asyncio.run(asyncio.wait_for(main(), 60))

    def test_dropped_midway(self) -> None:
        began, ended = threading.Event(), threading.Event()

        async def sleepy(event: PipelineEvent) -> None:
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        async def main() -> None:
            task = asyncio.create_task(compress_async(GIVEN, "gpt-4o", options(awaiting(sleepy))))
            while not began.is_set():
                await asyncio.sleep(0.005)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            for _ in range(1000):
                if ended.is_set():
                    break
                await asyncio.sleep(0.01)
            self.assertTrue(ended.is_set())

        asyncio.run(main())

    def test_filtered_out(self) -> None:
        def calls(**declared: Any) -> list[str]:
            seen: list[str] = []
            made = options(plain(lambda event: seen.append(event.stage().name.lower()), **declared))
            recorded = outcomes(compress(GIVEN, "gpt-4o", made))
            self.assertLessEqual(set(recorded.values()), {"ran", "filtered"})
            self.assertEqual([stage for stage, outcome in recorded.items() if outcome == "ran"], seen)
            return seen

        self.assertEqual(calls(stages=[PipelineStage.INPUT_ROUTED, PipelineStage.PRE_SEND]), ["input_routed"])
        self.assertEqual(calls(filter=Filter(providers=["anthropic"])), [])
        every = Filter(providers=["openai"], models=["gpt-*"], operations=["compress"])
        self.assertEqual(calls(filter=every), COMPRESS_STAGES)
        self.assertEqual(calls(filter=Filter(models=["claude-*"])), [])
        self.assertEqual(calls(filter=Filter(operations=["sdk.request"])), [])
        self.assertEqual(calls(filter=Filter(tools=["list_*"])), COMPRESS_STAGES)
        self.assertEqual(calls(filter=Filter(tools=["other"])), [])
        self.assertNotIn("input_compressed", calls(filter=Filter(min_tokens=10**6)))
        self.assertIn("input_compressed", calls(filter=Filter(min_tokens=10)))

    def test_emit_hands_the_given_object_over_and_gives_the_last_one(self) -> None:
        replaced = PipelineEvent(PipelineStage.PRE_SEND, "mine")
        seen: list[Any] = []
        manager = PipelineExtensionManager([
            plain(lambda event: event.set_messages("[1]"), "First"),
            plain(lambda event: replaced, "Second"),
            awaiting(self.note(seen), "Third"),
        ])
        self.assertEqual((manager.enabled(), manager.names()), (True, ["First", "Second", "Third"]))
        for door in (manager.emit, lambda event: asyncio.run(manager.emit_async(event))):
            given = PipelineEvent(PipelineStage.PRE_SEND, "mine")
            last = door(given)
            self.assertEqual(given.messages(), "[1]")
            last.set_model("marked")
            self.assertEqual((replaced.model(), seen[-1].model()), ("marked", "marked"))
        self.assertFalse(PipelineExtensionManager([]).enabled())
        with self.assertRaisesRegex(HeadroomError.Configuration, "cycle among x, y"):
            PipelineExtensionManager([plain(print, "x", before=["y"]), plain(print, "y", before=["x"])])

    @staticmethod
    def note(seen: list[Any]) -> Any:
        async def look(event: PipelineEvent) -> None:
            seen.append(event)

        return look


if __name__ == "__main__":
    unittest.main()
