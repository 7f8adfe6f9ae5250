// The shared cases of tests/vectors/: Kotlin gives what every language gives.

import headroom.*
import java.io.File
import java.security.MessageDigest
import kotlin.test.*
import kotlinx.serialization.json.*

class VectorsTest {
    private val root = File(REPOSITORY, "tests/vectors")

    @Test
    fun `every case gives what is expected and all together the digest`() {
        val cases = root.walk().filter { it.name == "input.json" }.map { it.parentFile.toRelativeString(root) }
            .sortedWith(byCodePoints).toList()
        assertTrue(cases.size > 3)
        val digest = MessageDigest.getInstance("SHA-256")
        for (case in cases) {
            val folder = File(root, case)
            val (found, body) = outcome(folder)
            val expected = parse(File(folder, "expected.json").readText()).jsonObject
            assertEquals(JsonObject(expected - "body"), found, case)
            assertTrue(isSame(expected.getValue("body"), body), "$case is not what is expected")
            digest.update("$case\n".toByteArray())
            texts(body) { digest.update(it + '\n'.code.toByte()) }
        }
        val hex = digest.digest().joinToString("") { "%02x".format(it) }
        assertEquals(File(root, "digest.txt").readText().trim(), hex)
    }

    private fun outcome(folder: File): Pair<JsonObject, JsonElement> {
        val given = parse(File(folder, "options.json").readText()).jsonObject
        var model = "gpt-4o"
        val options = CompressOptions(store = ":memory:")
        for ((name, value) in given) {
            val count = { value.jsonPrimitive.content.toULong() }
            when (name) {
                "model" -> model = value.jsonPrimitive.content
                "mode" -> options.mode = Mode.valueOf(value.jsonPrimitive.content.uppercase())
                "compress_user_messages" -> options.compressUserMessages = value.jsonPrimitive.boolean
                "protect_recent" -> options.protectRecent = count()
                "protect_analysis_context" -> options.protectAnalysisContext = value.jsonPrimitive.boolean
                "target_ratio" -> options.targetRatio = value.jsonPrimitive.double
                "token_budget" -> options.tokenBudget = count()
                "min_tokens_to_compress" -> options.minTokensToCompress = count()
                "exclude_tools" -> options.excludeTools = value.jsonArray.map { it.jsonPrimitive.content }
                "frozen_message_count" -> options.frozenMessageCount = count()
                else -> fail("$folder: options.json: expected options that Kotlin has, found $name")
            }
        }
        val result = compress(File(folder, "input.json").readText(), model, options)
        assertNull(result.report.error)
        val found = buildJsonObject {
            put("tokens_before", result.tokensBefore.toLong())
            put("tokens_after", result.tokensAfter.toLong())
            put("transforms_applied", JsonArray(result.transformsApplied.map { JsonPrimitive(it) }))
            put("ccr_hashes", JsonArray(result.ccrHashes.map { JsonPrimitive(it) }))
        }
        return found to parse(result.messages)
    }

    /** Whether both are the same JSON; numbers are the same when they have the same value. */
    private fun isSame(a: JsonElement, b: JsonElement): Boolean = when {
        a is JsonArray && b is JsonArray -> a.size == b.size && a.indices.all { isSame(a[it], b[it]) }
        a is JsonObject && b is JsonObject -> a.keys == b.keys && a.keys.all { isSame(a.getValue(it), b.getValue(it)) }
        a is JsonPrimitive && b is JsonPrimitive ->
            a == b || !a.isString && !b.isString && a.doubleOrNull != null && a.doubleOrNull == b.doubleOrNull
        else -> false
    }

    /** Every string of a value, depth first, members in the order of their names. */
    private fun texts(value: JsonElement, take: (ByteArray) -> Unit) {
        when (value) {
            is JsonArray -> value.forEach { texts(it, take) }
            is JsonObject -> value.keys.sortedWith(byCodePoints).forEach { texts(value.getValue(it), take) }
            is JsonPrimitive -> if (value.isString) take(utf8(value.content))
        }
    }

    /** UTF-8 with U+FFFD for a surrogate alone, where Java writes a question mark. */
    private fun utf8(text: String): ByteArray {
        val whole = text.codePoints().map { if (it in 0xD800..0xDFFF) 0xFFFD else it }.toArray()
        return String(whole, 0, whole.size).toByteArray()
    }

    /** The order of code points, which is that of UTF-8 bytes and not that of UTF-16. */
    private val byCodePoints = Comparator<String> { a, b ->
        java.util.Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray())
    }
}
