// What a caller gives and gets.

import headroom.*
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import kotlin.test.*
import kotlinx.coroutines.yield
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.*

class CompressTest {
    @Test
    fun `gives the same blocking and awaited and every original back`() {
        val (result, awaited) = ways(options(sessionId = "s"))
        assertEquals(result.messages, awaited.messages)
        assertTrue(result.compressed)
        assertEquals(result.tokensBefore - result.tokensAfter, result.tokensSaved)
        assertEquals("list_services", result.report.blocks[0].toolName)
        assertEquals(listOf("bias", "ccr"), result.pipelineTiming.map { it.step }.take(2))
        assertTrue("blocks" in parse(result.certificate).jsonObject)
        val table = compress(GIVEN, "gpt-4o", options(tokenBudget = 300u))
        assertEquals(CONVERSATION.content(3), retrieve(table.ccrHashes[0], store = ":memory:"))
    }

    @Test
    fun `every byte that is not replaced stays`() {
        val given = """{ "n": 1E0, "big": 1180591620717411303424, "messages": [{"role":"user","content":"h\u0069"}] }"""
        assertEquals(given, compress(given, "gpt-4o", options()).messages)
    }

    @Test
    fun `a model can ask back`() {
        val result = compress(GIVEN, "gpt-4o", options(tokenBudget = 300u))
        assertTrue("headroom_retrieve" in retrieveTool("openai"))
        val arguments = JsonPrimitive("""{"hash":"${result.ccrHashes[0]}"}""")
        val function = """{"name":"headroom_retrieve","arguments":$arguments}"""
        val answer = answerToolCall("""{"id":"c9","type":"function","function":$function}""", ":memory:")
        assertEquals(CONVERSATION.content(3), parse(answer).jsonObject.getValue("content").jsonPrimitive.content)
    }

    @Test
    fun `errors have a class, a code and a sentence`() {
        val unreadable = assertFailsWith<HeadroomException.InvalidInput> { compress("{", "gpt-4o", options()) }
        assertEquals("invalid_input", unreadable.code)
        assertTrue("body" in unreadable.message)
        val ratio = assertFailsWith<HeadroomException.Configuration> {
            compress("[]", "gpt-4o", CompressOptions(store = ":memory:", targetRatio = 2.0))
        }
        assertTrue(ratio.reason.startsWith("options.target_ratio: expected"))
        val provider = assertFailsWith<HeadroomException.Configuration> { retrieveTool("x") }
        assertEquals("configuration", provider.code)
        val unknown = assertFailsWith<HeadroomException.NotFound> { retrieve("0".repeat(24), store = ":memory:") }
        assertEquals("not_found", unknown.code)
    }

    @Test
    fun `progress tells every step and takes biases and metadata back`() {
        val seen = mutableListOf<Pair<String, ProgressKind>>()
        var last = listOf<Any?>()
        fun told(event: ProgressEvent) {
            seen.add(event.name() to event.kind())
            if (event.name() == "pipeline:start") {
                event.setBiases(listOf(Bias(3u, 0.5)))
                event.setMetadata("mine", """{"a":1}""")
            }
            last = listOf(event.metadata("mine"), event.biases(), event.requestId())
        }
        val plain = object : ProgressHandler {
            override fun onProgress(event: ProgressEvent) = told(event)
        }
        val async = object : AsyncProgressHandler {
            override suspend fun onProgress(event: ProgressEvent) {
                yield()
                told(event)
            }
        }
        for (handler in listOf(Progress.Plain(plain), Progress.Async(async))) {
            val made = CompressOptions(store = ":memory:", onProgress = handler, tokenBudget = 5000u)
            for (isAsync in listOf(false, true)) {
                seen.clear()
                val result =
                    if (isAsync) runBlocking { compressAsync(GIVEN, "gpt-4o", made) } else compress(GIVEN, "gpt-4o", made)
                assertEquals("pipeline:start" to "pipeline:complete", seen.first().first to seen.last().first)
                assertEquals(5000u, (seen.first().second as ProgressKind.Start).tokenBudget)
                val steps = seen.mapNotNull { (_, kind) -> (kind as? ProgressKind.Step)?.step }
                assertEquals(result.pipelineTiming.map { it.step }, steps)
                assertEquals(result.tokensAfter, (seen.last().second as ProgressKind.Complete).tokensAfter)
                assertEquals(listOf("""{"a":1}""", listOf(Bias(3u, 0.5)), result.report.requestId), last)
                assertEquals(3u, result.report.prefixChangedAt)
            }
        }
        val broken = object : ProgressHandler {
            override fun onProgress(event: ProgressEvent): Unit = error("broken")
        }
        val warnings = warningsOf {
            val made = CompressOptions(store = ":memory:", onProgress = Progress.Plain(broken))
            assertTrue(compress(GIVEN, "gpt-4o", made).compressed)
        }
        assertTrue(warnings.isNotEmpty() && warnings.all { "broken" in it }, "$warnings")
    }

    @Test
    fun `the example of the README runs`() {
        val before = System.out
        val written = ByteArrayOutputStream()
        System.setOut(PrintStream(written))
        try {
            readme.main()
        } finally {
            System.setOut(before)
        }
        assertTrue(Regex("\\d+ tokens became \\d+\n").matches(written.toString()), written.toString())
    }
}
