// What several tests need.

import headroom.*
import java.io.File
import java.util.Collections
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.*

val REPOSITORY = File(System.getenv("HEADROOM_REPOSITORY"))

/** A conversation whose last message is a table. */
fun makeConversation(rows: Int = 400, question: String = "Which service is slow?"): JsonArray {
    val table = (0 until rows).joinToString(",", "[", "]") {
        """{"id": $it, "name": "service-$it", "status": "ok", "latency_ms": ${it * 7 % 13}}"""
    }
    val call = """{"id":"call_1","type":"function","function":{"name":"list_services","arguments":"{}"}}"""
    return parse(
        """[
            {"role":"system","content":"You watch services."},
            {"role":"user","content":${JsonPrimitive(question)}},
            {"role":"assistant","content":null,"tool_calls":[$call]},
            {"role":"tool","tool_call_id":"call_1","content":${JsonPrimitive(table)}}
        ]""",
    ).jsonArray
}

val CONVERSATION = makeConversation()
val GIVEN = CONVERSATION.toString()

fun parse(text: String): JsonElement = Json.parseToJsonElement(text)

fun JsonElement.content(index: Int): String = jsonArray[index].jsonObject.getValue("content").jsonPrimitive.content

/** The messages with the text of one replaced. */
fun JsonElement.withContent(index: Int, text: String): String {
    val messages = jsonArray.toMutableList()
    messages[index] = JsonObject(messages[index].jsonObject + ("content" to JsonPrimitive(text)))
    return JsonArray(messages).toString()
}

fun plain(
    declarations: Declarations = Declarations("Mine"),
    function: (PipelineEvent) -> PipelineEvent?,
): Registration {
    val extension = object : PipelineExtension {
        override fun onPipelineEvent(event: PipelineEvent) = function(event)
    }
    return Registration.Plain(extension, declarations)
}

fun awaiting(
    declarations: Declarations = Declarations("Mine"),
    function: suspend (PipelineEvent) -> PipelineEvent?,
): Registration {
    val extension = object : AsyncPipelineExtension {
        override suspend fun onPipelineEvent(event: PipelineEvent) = function(event)
    }
    return Registration.Async(extension, declarations)
}

/** A function as a plain and as an async extension. */
fun both(declarations: Declarations = Declarations("Mine"), function: (PipelineEvent) -> PipelineEvent?) =
    listOf(plain(declarations, function), awaiting(declarations) { function(it) })

fun options(vararg extensions: Registration, sessionId: String? = null, tokenBudget: ULong? = null) = CompressOptions(
    store = ":memory:",
    extensions = PipelineExtensionManager(extensions.toList()),
    sessionId = sessionId,
    tokenBudget = tokenBudget,
)

/** What both doors give. */
fun ways(options: CompressOptions) =
    listOf(compress(GIVEN, "gpt-4o", options), runBlocking { compressAsync(GIVEN, "gpt-4o", options) })

/** What became of an extension, by stage. */
fun outcomes(result: CompressResult, name: String = "Mine") =
    result.report.extensions.filter { it.extension == name }.associate { it.stage to it.outcome }

/** What the engine logs while a block runs. */
fun warningsOf(run: () -> Unit): List<String> {
    val texts = Collections.synchronizedList(mutableListOf<String>())
    setLogger(object : Logger {
        override fun log(level: LogLevel, logger: String, message: String) {
            texts.add(message)
        }
    })
    try {
        run()
    } finally {
        setLogger(null)
    }
    return texts.toList()
}
