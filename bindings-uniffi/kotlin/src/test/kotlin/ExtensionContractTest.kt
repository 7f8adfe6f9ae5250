// The promises of tests/extensions/README.md, in Kotlin. What an extension returns is an event or nothing: the compiler
// keeps the rest of `wrong_return_type`.

import headroom.*
import java.util.Collections
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.test.*
import kotlinx.coroutines.*
import kotlinx.serialization.json.*

private val COMPRESS_STAGES = listOf("input_received", "input_routed", "input_compressed")

private fun <T> shared() = Collections.synchronizedList(mutableListOf<T>())

private fun mine(
    vararg stages: PipelineStage,
    name: String = "Mine",
    timeoutMs: ULong? = null,
    failurePolicy: FailurePolicy? = null,
    filter: Filter? = null,
) = Declarations(name, stages.toList().ifEmpty { null }, filter, timeoutMs = timeoutMs, failurePolicy = failurePolicy)

private val RECEIVED = mine(PipelineStage.INPUT_RECEIVED)

private fun stageOf(event: PipelineEvent) = event.stage().name.lowercase()

class ExtensionContractTest {
    private class Seen(
        val stage: String,
        val messages: JsonElement,
        val metadata: Map<String, JsonElement>,
        val head: String,
    )

    @Test
    fun happy_path() {
        val seen = shared<Seen>()
        val registrations = both { event ->
            val metadata = event.metadataNames().associateWith { parse(event.metadata(it)!!) }
            val head = "${event.operation()} ${event.provider()} ${event.model()}"
            seen.add(Seen(stageOf(event), parse(event.messages()!!), metadata, head))
            val trail = (metadata["trail"]?.jsonArray ?: JsonArray(listOf())) + JsonPrimitive(stageOf(event))
            event.setMetadata("trail", JsonArray(trail).toString())
            null
        }
        for (registration in registrations) {
            seen.clear()
            ways(options(registration, sessionId = "s1")).forEachIndexed { turn, result ->
                val events = seen.subList(turn * 3, turn * 3 + 3)
                assertEquals(COMPRESS_STAGES, events.map { it.stage })
                assertEquals(CONVERSATION, events[0].messages)
                assertEquals(JsonPrimitive("s1"), events[0].metadata["session_id"])
                val route = events[1].metadata.getValue("routes").jsonArray[0].jsonObject
                assertEquals(JsonPrimitive("json_table"), route["transform"])
                assertEquals(parse(result.messages), events[2].messages)
                assertEquals(CONVERSATION, events[2].metadata["original_messages"])
                assertEquals("${result.tokensAfter}", events[2].metadata["tokens_after"].toString())
                val trail = events[2].metadata.getValue("trail").jsonArray.map { it.jsonPrimitive.content }
                assertEquals(COMPRESS_STAGES.take(2), trail)
                assertEquals("compress openai gpt-4o", events[2].head)
                assertEquals(setOf(Outcome.CHANGED), outcomes(result).values.toSet())
            }
        }
    }

    @Test
    fun throws() {
        val ran = shared<String>()
        val look = plain(mine(name = "Look")) { event ->
            ran.add(stageOf(event))
            check("half" !in event.metadataNames() && parse(event.messages()!!).jsonArray.size == 4)
            null
        }
        val broken = { event: PipelineEvent ->
            event.setMessages("[]")
            event.setMetadata("half", "true")
            error("broken")
        }
        val without = compress(GIVEN, "gpt-4o", options())
        for (registration in both(mine(name = "Broken"), broken)) {
            var results = listOf<CompressResult>()
            val warnings = warningsOf { results = ways(options(registration, look)) }
            assertEquals(COMPRESS_STAGES + COMPRESS_STAGES, ran)
            ran.clear()
            for (result in results) {
                assertEquals(without.messages, result.messages)
                assertEquals(setOf(Outcome.FAILED_OPEN), outcomes(result, "Broken").values.toSet())
                assertEquals(setOf(Outcome.RAN), outcomes(result, "Look").values.toSet())
            }
            assertEquals(6, warnings.size)
            assertTrue(warnings.all { "Broken" in it && "IllegalStateException: broken" in it }, "$warnings")
            assertTrue("input_received" in warnings[0])
        }
        val guard = mine(PipelineStage.INPUT_COMPRESSED, name = "Guard", failurePolicy = FailurePolicy.CLOSED)
        for (registration in both(guard, broken)) {
            val error = assertFailsWith<HeadroomException.Extension> { ways(options(registration)) }
            assertTrue("Guard failed at input_compressed: java.lang.IllegalStateException: broken" in error.message)
            assertEquals("Guard" to "input_compressed", error.details["extension"] to error.details["stage"])
            assertTrue("IllegalStateException: broken" in error.details.getValue("cause"))
        }
    }

    @Test
    fun `throws what is no exception`() {
        val users = listOf<(PipelineEvent) -> PipelineEvent?>(
            { TODO() },
            { throw StackOverflowError() },
            { throw CancellationException("stray") },
            { event -> null.also { event.setTools("[1,") } },
        )
        for (registration in users.flatMap { both(function = it) }) {
            for (result in ways(options(registration))) {
                assertTrue(result.compressed)
                assertEquals(setOf(Outcome.FAILED_OPEN), outcomes(result).values.toSet())
            }
        }
    }

    @Test
    fun wrong_return_type() {
        val wrong = listOf(PipelineStage.PRE_SEND to "pre_send", PipelineStage.RESPONSE_RECEIVED to "response")
        for ((stage, named) in wrong) {
            val warnings = warningsOf {
                val made = options(plain(RECEIVED) { PipelineEvent(stage, "compress") })
                assertTrue(compress(GIVEN, "gpt-4o", made).compressed)
            }
            assertTrue(warnings.any { named in it && "Mine" in it }, "$warnings")
        }
    }

    @Test
    fun changes_in_place() {
        val shout = { event: PipelineEvent ->
            val messages = parse(event.messages()!!)
            event.setMessages(messages.withContent(1, messages.content(1).uppercase()))
            null
        }
        for (registration in both(RECEIVED, shout)) {
            for (result in ways(options(registration))) {
                assertEquals("WHICH SERVICE IS SLOW?", parse(result.messages).content(1))
                assertEquals(CONVERSATION[0], parse(result.messages).jsonArray[0])
                assertEquals(mapOf("input_received" to Outcome.CHANGED), outcomes(result))
            }
        }
        val same = plain(RECEIVED) { event -> null.also { event.setMessages(" " + event.messages()) } }
        assertEquals(mapOf("input_received" to Outcome.RAN), outcomes(compress(GIVEN, "gpt-4o", options(same))))
        val revert = plain(mine(PipelineStage.INPUT_COMPRESSED)) { event ->
            val original = parse(event.metadata("original_messages")!!).content(3)
            event.setMessages(parse(event.messages()!!).withContent(3, original))
            null
        }
        assertEquals(GIVEN, compress(GIVEN, "gpt-4o", options(revert)).messages)
        val forbidden = plain(mine(PipelineStage.INPUT_ROUTED)) { event -> null.also { event.setMessages("[]") } }
        val warnings = warningsOf {
            assertEquals(4, parse(compress(GIVEN, "gpt-4o", options(forbidden)).messages).jsonArray.size)
        }
        assertTrue(warnings.any { "messages cannot be changed at input_routed" in it }, "$warnings")
    }

    @Test
    fun replaces() {
        val shorter = """[{"role":"user","content":"only this"}]"""
        val later = shared<List<String?>>()
        val look = plain { event -> null.also { later.add(listOf(event.messages(), event.metadata("by"))) } }
        val replace = { event: PipelineEvent ->
            val made = PipelineEvent(event.stage(), event.operation())
            made.setMessages(shorter)
            made.setMetadata("by", "\"replace\"")
            made
        }
        for (registration in both(mine(PipelineStage.INPUT_RECEIVED, name = "Replace"), replace)) {
            for (result in ways(options(registration, look))) assertEquals(parse(shorter), parse(result.messages))
            assertEquals(List(6) { listOf(shorter, "\"replace\"") }, later)
            later.clear()
        }
        val unchanged = plain(RECEIVED) { event -> PipelineEvent(event.stage(), event.operation()) }
        assertEquals(mapOf("input_received" to Outcome.RAN), outcomes(compress(GIVEN, "gpt-4o", options(unchanged))))
        val itself = compress(GIVEN, "gpt-4o", options(plain { it }))
        assertEquals(setOf(Outcome.RAN), outcomes(itself).values.toSet())
        val biased = plain(mine(PipelineStage.INPUT_ROUTED)) { event ->
            null.also { event.setMetadata("biases", """{"3": 2.0}""") }
        }
        assertEquals(3u, compress(GIVEN, "gpt-4o", options(biased)).report.prefixChangedAt)
    }

    @Test
    fun answers_early() {
        val seen = shared<String>()
        val look = plain(mine(name = "Look")) { event -> null.also { seen.add(stageOf(event)) } }
        val answer = { event: PipelineEvent ->
            event.setStage(PipelineStage.RESPONSE_RECEIVED)
            event.setResponse("""{"text":"cached"}""")
            event
        }
        for (registration in both(mine(PipelineStage.INPUT_RECEIVED, name = "Cache"), answer)) {
            seen.clear()
            for (result in ways(options(registration, look))) {
                assertEquals("""{"text":"cached"}""", result.response)
                assertEquals(GIVEN, result.messages)
                assertFalse(result.compressed)
                assertEquals(mapOf("input_received" to Outcome.ANSWERED), outcomes(result, "Cache"))
            }
            assertEquals(listOf("response_received", "response_received"), seen)
        }
    }

    @Test
    fun never_answers() {
        val cancelled = CountDownLatch(2)
        val sleepy: suspend (PipelineEvent) -> PipelineEvent? = {
            try {
                delay(60_000)
            } finally {
                cancelled.countDown()
            }
            null
        }
        val release = CountDownLatch(1)
        val late = CountDownLatch(2)
        val warnings = warningsOf {
            val limited = mine(PipelineStage.INPUT_RECEIVED, timeoutMs = 40u)
            // Long enough that the coroutine has begun; one that has not is never started.
            val begun = mine(PipelineStage.INPUT_RECEIVED, timeoutMs = 400u)
            for (result in ways(options(awaiting(begun, sleepy)))) {
                assertEquals(mapOf("input_received" to Outcome.TIMED_OUT), outcomes(result))
            }
            assertTrue(cancelled.await(10, TimeUnit.SECONDS))
            val blocking = plain(limited) { event ->
                release.await(60, TimeUnit.SECONDS)
                event.setMessages("[]")
                late.countDown()
                null
            }
            val results = ways(options(blocking))
            release.countDown()
            assertTrue(late.await(10, TimeUnit.SECONDS))
            for (result in results) {
                assertEquals(mapOf("input_received" to Outcome.TIMED_OUT), outcomes(result))
                assertEquals(4, parse(result.messages).jsonArray.size)
            }
        }
        assertEquals(4, warnings.size)
        assertTrue(warnings.all { "no answer within 40" in it }, "$warnings")
        val silent = options(awaiting(mine(PipelineStage.INPUT_RECEIVED, timeoutMs = 1u), sleepy))
        val became = List(7) { outcomes(compress(GIVEN, "gpt-4o", silent)).getValue("input_received") }
        assertEquals(List(5) { Outcome.TIMED_OUT } + List(2) { Outcome.BREAKER_OPEN }, became)
        val guard = mine(name = "Guard", timeoutMs = 20u, failurePolicy = FailurePolicy.CLOSED)
        val guarded = options(awaiting(guard, sleepy))
        val error = assertFailsWith<HeadroomException.Extension> { compress(GIVEN, "gpt-4o", guarded) }
        assertTrue("Guard failed at input_received: no answer within 20 ms" in error.reason)
        val wrong = assertFailsWith<HeadroomException.Configuration> { options(plain(mine(timeoutMs = 0u)) { null }) }
        assertTrue("extension Mine: timeout_ms: expected" in wrong.reason)
    }

    @Test
    fun many_threads() {
        val nested = plain(mine(PipelineStage.INPUT_RECEIVED, name = "Nested")) { event ->
            event.setMetadata("mine", JsonPrimitive(parse(event.messages()!!).content(1)).toString())
            val inner = compress(GIVEN, "gpt-4o", options(tokenBudget = 300u))
            check(retrieve(inner.ccrHashes[0], store = ":memory:").isNotEmpty())
            null
        }
        val check = awaiting(mine(PipelineStage.INPUT_RECEIVED, name = "Async")) { event ->
            check(parse(event.metadata("mine")!!).jsonPrimitive.content == parse(event.messages()!!).content(1))
            compressAsync(makeConversation(40).toString(), "gpt-4o", options(awaiting { null }))
            null
        }
        val made = options(nested, check)
        val pool = Executors.newFixedThreadPool(8)
        val all = (0 until 24).map { number ->
            pool.submit {
                val question = "question $number"
                val given = makeConversation(60, question).toString()
                val result =
                    if (number % 2 == 0) compress(given, "gpt-4o", made)
                    else runBlocking { compressAsync(given, "gpt-4o", made) }
                assertEquals(question, parse(result.messages).content(1))
                assertEquals(
                    listOf("Nested" to Outcome.CHANGED, "Async" to Outcome.RAN),
                    result.report.extensions.map { it.extension to it.outcome },
                )
            }
        }
        all.forEach { it.get(240, TimeUnit.SECONDS) }
        pool.shutdown()
    }

    @Test
    fun dropped_midway() = runBlocking {
        val began = CompletableDeferred<Unit>()
        val ended = CompletableDeferred<Unit>()
        val sleepy = awaiting {
            began.complete(Unit)
            try {
                delay(60_000)
            } finally {
                ended.complete(Unit)
            }
            null
        }
        val call = launch(Dispatchers.Default) { compressAsync(GIVEN, "gpt-4o", options(sleepy)) }
        withTimeout(10_000) { began.await() }
        call.cancelAndJoin()
        withTimeout(10_000) { ended.await() }
        assertTrue(call.isCancelled)
    }

    @Test
    fun filtered_out() {
        fun calls(declared: Declarations): List<String> {
            val seen = shared<String>()
            val filtered = plain(declared) { event -> null.also { seen.add(stageOf(event)) } }
            val recorded = outcomes(compress(GIVEN, "gpt-4o", options(filtered)))
            assertTrue(recorded.values.all { it == Outcome.RAN || it == Outcome.FILTERED })
            assertEquals(recorded.filterValues { it == Outcome.RAN }.keys.toList(), seen)
            return seen
        }
        assertEquals(listOf("input_routed"), calls(mine(PipelineStage.INPUT_ROUTED, PipelineStage.PRE_SEND)))
        assertEquals(listOf(), calls(mine(filter = Filter(providers = listOf("anthropic")))))
        val every = Filter(listOf("openai"), listOf("gpt-*"), operations = listOf("compress"))
        assertEquals(COMPRESS_STAGES, calls(mine(filter = every)))
        assertEquals(listOf(), calls(mine(filter = Filter(models = listOf("claude-*")))))
        assertEquals(listOf(), calls(mine(filter = Filter(operations = listOf("sdk.request")))))
        assertEquals(COMPRESS_STAGES, calls(mine(filter = Filter(tools = listOf("list_*")))))
        assertEquals(listOf(), calls(mine(filter = Filter(tools = listOf("other")))))
        assertFalse("input_compressed" in calls(mine(filter = Filter(minTokens = 1_000_000u))))
        assertTrue("input_compressed" in calls(mine(filter = Filter(minTokens = 10u))))
    }

    @Test
    fun `emit gives the last event`() {
        val seen = shared<PipelineEvent>()
        val replaced = PipelineEvent(PipelineStage.PRE_SEND, "mine")
        val manager = PipelineExtensionManager(
            listOf(
                plain(mine(name = "First")) { event -> null.also { event.setMessages("[1]") } },
                plain(mine(name = "Second")) { replaced },
                awaiting(mine(name = "Third")) { event -> null.also { seen.add(event) } },
            ),
        )
        assertEquals(true to listOf("First", "Second", "Third"), manager.enabled() to manager.names())
        for (isAsync in listOf(false, true)) {
            val given = PipelineEvent(PipelineStage.PRE_SEND, "mine")
            val last = if (isAsync) runBlocking { manager.emitAsync(given) } else manager.emit(given)
            last.setModel("marked")
            assertEquals("[1]", given.messages())
            assertEquals("marked" to "marked", replaced.model() to seen.last().model())
        }
        val cycle = listOf("x" to "y", "y" to "x").map { (name, before) ->
            plain(Declarations(name, before = listOf(before))) { null }
        }
        val error = assertFailsWith<HeadroomException.Configuration> { PipelineExtensionManager(cycle) }
        assertTrue("x, y" in error.reason)
    }
}
