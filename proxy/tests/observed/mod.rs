//! Requests as an agent's day brings them, and names that try to become markup.

use headroom_core::extension::Outcome;
use headroom_core::pipeline::{Invocation, Step, StepTiming};
use headroom_proxy::observe::{Change, RequestRecord, Transport};
use headroom_proxy::providers::Usage;

/// A model's name that a page must show as it is.
pub(crate) const HOSTILE: &str =
    "<img src=x onerror=\"document.title='owned'\">&amp;<script>document.title='owned'</script>";

const MODELS: &[(&str, &str, &str)] = &[
    ("anthropic", "messages", "claude-sonnet-5-5"),
    ("openai", "responses", "gpt-5.6"),
    ("anthropic", "messages", "claude-haiku-4-5-20251001"),
    ("openai", "chat", "gpt-5-mini"),
    ("gemini", "gemini", "gemini-2.5-pro"),
    ("openai", "chat", "our-own-llama"),
];

/// Two hundred records, the last of them at `now_ms`.
pub(crate) fn records(now_ms: u64) -> Vec<RequestRecord> {
    (0..200).map(|number| record(number, now_ms - (199 - number) * 41_000)).collect()
}

fn record(number: u64, time_ms: u64) -> RequestRecord {
    // Spread, and the same in every run.
    let dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let (provider, api, model) = MODELS[usize::try_from(dice % 11).unwrap_or(0).min(9) * MODELS.len() / 10];
    let bypass = number % 29 == 3;
    let status = match number % 41 {
        7 => 429,
        19 => 502,
        33 => 0,
        _ => 200,
    };
    let tokens_before = 900 + dice % 47_000;
    let tokens_after =
        if bypass || number.is_multiple_of(5) { tokens_before } else { tokens_before * (30 + dice % 60) / 100 };
    let own_ms = 0.08 + (dice % 900) as f64 / 200.0;
    let cached = number % 37 == 11;
    let upstream_ms = (!cached).then_some(300.0 + (dice % 17_000) as f64);
    let change = tokens_after < tokens_before;
    let last = number == 199;
    RequestRecord {
        request_id: format!("req-{number:04}-{dice:06x}"),
        time_ms,
        provider,
        api: if number % 31 == 5 { "" } else { api },
        path: if number % 31 == 5 { "/v1/files".to_owned() } else { format!("/v1/{api}") },
        model: if last { HOSTILE.to_owned() } else { model.to_owned() },
        project: ["", "webshop", "billing"][usize::try_from(dice % 3).unwrap_or(0)].to_owned(),
        user: "ada".to_owned(),
        session: format!("s-{}", number / 20),
        tags: vec![("team".to_owned(), "<b>platform</b>".to_owned())],
        transport: [Transport::Sse, Transport::Sse, Transport::Http, Transport::WebSocket]
            [usize::try_from(dice % 4).unwrap_or(0)],
        status,
        bypass,
        cached,
        tokens_before,
        tokens_after,
        transforms: if change { vec!["log_fold".to_owned(), "json".to_owned()] } else { Vec::new() },
        timing: if bypass { Vec::new() } else { timing(own_ms, tokens_before, tokens_after) },
        upstream_ms,
        total_ms: own_ms + upstream_ms.unwrap_or(0.0),
        request_bytes: tokens_before * 4,
        response_bytes: 2_000 + dice % 9_000,
        usage: (status == 200).then_some(Usage {
            input: tokens_after + 12,
            cached: tokens_after / 2,
            output: dice % 1_500,
        }),
        extensions: extensions(number),
        compression_error: (number % 67 == 13).then(|| "the store is read-only".to_owned()),
        retrieval_rounds: u32::from(number % 23 == 9),
        changes: if change { changes(number, last) } else { Vec::new() },
        trace: None,
    }
}

fn timing(own_ms: f64, tokens_before: u64, tokens_after: u64) -> Vec<(Step, StepTiming)> {
    let middle = tokens_before - (tokens_before - tokens_after) / 5;
    [
        (Step::Bias, 0.01, tokens_before, tokens_before),
        (Step::Ccr, 0.04, tokens_before, tokens_before),
        (Step::Cache, 0.05, tokens_before, tokens_before),
        (Step::Dedupe, 0.2, tokens_before, middle),
        (Step::Compression, 0.6, middle, tokens_after),
    ]
    .map(|(step, share, tokens_before, tokens_after)| {
        (step, StepTiming { duration_ms: own_ms * share, tokens_before, tokens_after, started: None })
    })
    .to_vec()
}

fn extensions(number: u64) -> Vec<Invocation> {
    let call = |extension: &str, stage, outcome, duration_ms, warning: Option<&str>| Invocation {
        extension: extension.to_owned(),
        stage,
        outcome,
        duration_ms,
        warning: warning.map(str::to_owned),
        started: None,
    };
    let redact = if number.is_multiple_of(9) { Outcome::Changed } else { Outcome::Ran };
    let audit = match number % 50 {
        17 => call("audit-trail", "post_send", Outcome::TimedOut, 250.0, Some("expected an answer within 250 ms")),
        18 => call("audit-trail", "post_send", Outcome::BreakerOpen, 0.0, None),
        44 => call("audit-trail", "post_send", Outcome::FailedOpen, 1.5, Some("ValueError: <i>no such tenant</i>")),
        _ => call("audit-trail", "post_send", Outcome::Ran, 0.9, None),
    };
    let cache = if number % 37 == 11 { Outcome::Answered } else { Outcome::Filtered };
    vec![
        call("redact-secrets", "input_received", redact, 0.12, None),
        call("semantic-cache", "pre_send", cache, 0.4, None),
        audit,
    ]
}

fn changes(number: u64, last: bool) -> Vec<Change> {
    let mut before = String::from("$ cargo test --package billing\n   Compiling billing v0.4.1\n");
    let mut after = before.clone();
    for line in 0..180 {
        let text = format!("test ledger::entry_{line:03} ... ok\n");
        if !(4..=176).contains(&line) {
            after.push_str(&text);
        }
        if line == 4 {
            after.push_str(&format!(
                "[7/180 lines shown; headroom_retrieve hash={:024x}]\n",
                number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ));
        }
        before.push_str(&text);
    }
    let end = if last {
        "test ledger::escapes_</script><img src=x onerror=alert(1)> ... FAILED\n"
    } else {
        "test ledger::rounds_half_even ... FAILED\n"
    };
    before.push_str(end);
    after.push_str(end);
    let json = "{\n  \"status\": \"ok\",\n  \"items\": [\n    { \"id\": 1, \"name\": \"Zürich\" },\n    { \"id\": 2, \"name\": \"東京\" }\n  ]\n}\n";
    vec![
        Change::new("messages[7].content[0]", "log_fold", &before, &after),
        Change::new("messages[9].content[0]", "json", json, "status:ok\nitems[2]{id,name}:\n 1,Zürich\n 2,東京\n"),
    ]
}
