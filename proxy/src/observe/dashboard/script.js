
(() => {
"use strict";

const MAX_ROWS = 200;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// All text becomes text nodes and attributes, never markup.
function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
function drawn(name, options = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(options)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Numbers ------------------------------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const count = (number, one, many) => `${whole.format(number)} ${number === 1 ? one : many}`;
const large = (number) => (number < 10_000 ? whole.format(number) : short.format(number));
function percent(part, of) {
  if (!of) return "0\u00a0%";
  const share = (100 * part) / of;
  return `${share > 0 && share < 9.95 ? share.toFixed(1) : Math.round(share)}\u00a0%`;
}
function dollars(amount) {
  if (amount === null || amount === undefined) return "–";
  if (amount === 0 || amount >= 0.1) return `$${cents.format(amount)}`;
  return amount < 0.0001 ? "< $0.0001" : `$${amount.toFixed(amount < 0.001 ? 4 : 3)}`;
}
function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${Math.round(ms * 1000)}\u00a0µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u00a0ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}\u00a0s`;
  return `${Math.floor(ms / 60_000)}\u00a0min ${Math.round((ms % 60_000) / 1000)}\u00a0s`;
}
function age(seconds) {
  if (seconds < 60) return `${seconds}\u00a0s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}\u00a0min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}\u00a0h ${Math.floor((seconds % 3600) / 60)}\u00a0min`;
  return `${Math.floor(seconds / 86_400)}\u00a0d ${Math.floor((seconds % 86_400) / 3600)}\u00a0h`;
}
function size(bytes) {
  if (bytes < 1024) return `${bytes}\u00a0B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)}\u00a0KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)}\u00a0MB`;
}
const clock = (ms, options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }) =>
  new Intl.DateTimeFormat("en", options).format(ms);
const words = (name) => name.replaceAll("_", " ");

// Totals -------------------------------------------------------------------------------------------------------------

function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

function showStats(stats) {
  const { totals, latency_ms: latency, money } = stats;
  byId("main").dataset.state = totals.requests ? "full" : "empty";
  say("about", `version ${stats.version}, up ${age(stats.uptime_seconds)}`);
  say("removed", large(totals.tokens_removed));
  say("removed-detail", `${percent(totals.tokens_removed, totals.tokens_before)} of the ${large(totals.tokens_before)} that clients sent`);
  say("money", dollars(totals.removed_list_price_usd));
  const unpriced = totals.unpriced_tokens_removed;
  say("money-detail", `${money.meaning}, caching discounts aside${unpriced ? `; ${large(unpriced)} tokens more have no known price` : ""}`);
  byId("money-detail").title = `${money.source}, ${money.as_of}`;
  say("count", large(totals.requests));
  const notes = [
    [totals.errors, "failed"], [totals.bypassed, "left alone"], [totals.cached, "from cache"],
    [totals.compression_errors, "sent uncompressed after a failure"],
    [totals.retrieval_rounds, totals.retrieval_rounds === 1 ? "retrieval" : "retrievals"],
  ];
  const said = notes.filter(([number]) => number > 0).map(([number, what]) => `${whole.format(number)} ${what}`);
  say("count-detail", said.join(", ") || "none failed");
  say("overhead", duration(latency.overhead.p50));
  say("overhead-detail", `p99 ${duration(latency.overhead.p99)}; models took ${duration(latency.upstream.p50)}`);

  const models = [...stats.by_model].sort((one, other) => other.tokens_removed - one.tokens_removed);
  byId("models").replaceChildren(...models.slice(0, 8).map((model) => element("tr", {},
    element("th", { scope: "row", title: model.name }, element("span", {}, model.name)),
    element("td", {}, large(model.requests)),
    element("td", { title: `${whole.format(model.tokens_removed)} of ${whole.format(model.tokens_before)} tokens` },
      percent(model.tokens_removed, model.tokens_before)),
    element("td", {}, model.unpriced_tokens_removed && !model.removed_list_price_usd ? "unknown" : dollars(model.removed_list_price_usd)),
  )));

  const times = (name, of, kind) => element("tr", kind ? { class: kind } : {},
    element("th", { scope: "row" }, name), ...["p50", "p95", "p99"].map((q) => element("td", {}, duration(of[q]))));
  byId("steps").replaceChildren(
    ...latency.steps.map((step) => times(step.name, step)),
    times("all of Headroom", latency.overhead, "sum"),
    times("the provider", latency.upstream),
  );

  byId("extensions-section").hidden = !stats.extensions.length;
  byId("extensions").replaceChildren(...stats.extensions.map(extension));
}

const BAD = new Set(["failed_open", "failed_closed", "timed_out", "breaker_open"]);
const GOOD = new Set(["changed", "answered"]);
const kindOf = (outcome) => (BAD.has(outcome) ? " bad" : GOOD.has(outcome) ? " good" : "");
function extension({ name, outcomes, latency_ms: latency, last_warning: warning }) {
  const chips = Object.entries(outcomes).map(([outcome, calls]) =>
    element("span", { class: `chip${kindOf(outcome)}` }, `${words(outcome)} ${whole.format(calls)}`));
  return element("div", { class: "extension" },
    element("strong", {}, name),
    element("div", { class: "chips" }, ...chips),
    element("span", { class: "detail" }, `p50 ${duration(latency.p50)}, p99 ${duration(latency.p99)}`),
    warning ? element("p", { class: "warning detail" }, `Last warning: ${warning}`) : null);
}

// Chart --------------------------------------------------------------------------------------------------------------

const MINUTE = 60_000;
const RANGES = {
  hour: { from: "minutes", bars: 60, width: MINUTE, label: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } },
  day: { from: "minutes", bars: 96, width: 15 * MINUTE, label: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } },
  month: { from: "hours", bars: 30, width: 24 * 60 * MINUTE, label: { month: "short", day: "numeric" } },
};
let history = null;
let bars = [];
let pointed = null;

const range = () => RANGES[document.querySelector("input[name=range]:checked").value];

function summed({ from, bars: number, width }) {
  const unit = history[from].bucket_seconds * 1000;
  const end = Math.floor(history.now_ms / unit) * unit + unit;
  const start = end - number * width;
  const sums = Array.from({ length: number }, (_, place) => ({ start: start + place * width, requests: 0, sent: 0, removed: 0 }));
  for (const bucket of history[from].buckets) {
    const sum = sums[Math.floor((bucket.start_ms - start) / width)];
    if (!sum) continue;
    sum.requests += bucket.requests;
    sum.sent += bucket.tokens_after;
    sum.removed += bucket.tokens_removed;
  }
  return sums;
}

// The next 1, 2 or 5 times a power of ten.
function ceiling(number) {
  const power = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= number);
}

function showChart() {
  if (!history) return;
  const { width: barTime, label } = range();
  bars = summed(range());
  const place = byId("chart");
  const [width, height, left, bottom] = [Math.max(place.clientWidth, 200), 190, 42, 22];
  const top = ceiling(Math.max(...bars.map((bar) => bar.sent + bar.removed)));
  const room = height - bottom - 8;
  const y = (tokens) => height - bottom - (tokens / top) * room;
  const step = (width - left) / bars.length;
  const pattern = drawn("pattern", { id: "hatching", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    drawn("rect", { class: "hatch-ground", width: 5, height: 5 }),
    drawn("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 5 }));
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, drawn("defs", {}, pattern));
  for (const share of [0, 0.5, 1]) {
    picture.append(drawn("line", { class: "grid", x1: left, x2: width, y1: y(top * share), y2: y(top * share) }),
      drawn("text", { x: left - 8, y: y(top * share) + 4, "text-anchor": "end" }, short.format(top * share)));
  }
  bars.forEach((bar, at) => {
    const box = { x: left + at * step + 1, width: Math.max(step - 2, 1) };
    if (bar.sent) picture.append(drawn("rect", { class: "sent", ...box, y: y(bar.sent), height: y(0) - y(bar.sent) }));
    if (bar.removed) picture.append(drawn("rect", { class: "removed", ...box, y: y(bar.sent + bar.removed), height: y(bar.sent) - y(bar.sent + bar.removed) }));
    const area = drawn("rect", { class: "pointer", x: left + at * step, width: step, y: 8, height: room });
    area.addEventListener("pointerenter", () => point(at));
    picture.append(area);
  });
  const marks = width < 500 ? 3 : 5;
  for (let mark = 0; mark < marks; mark += 1) {
    const at = Math.round((mark * (bars.length - 1)) / (marks - 1));
    const anchor = mark === 0 ? "start" : mark === marks - 1 ? "end" : "middle";
    const x = mark === 0 ? left : mark === marks - 1 ? width : left + (at + 0.5) * step;
    picture.append(drawn("text", { x, y: height - 4, "text-anchor": anchor }, clock(bars[at].start, label)));
  }
  place.replaceChildren(picture);
  const sent = bars.reduce((sum, bar) => sum + bar.sent, 0);
  const removed = bars.reduce((sum, bar) => sum + bar.removed, 0);
  place.setAttribute("aria-label", `Bars of ${duration(barTime)}: ${large(sent)} tokens sent, ${large(removed)} removed. Arrow keys read single bars.`);
  point(pointed);
}

function point(at) {
  pointed = at === null || at === undefined ? null : Math.min(Math.max(at, 0), bars.length - 1);
  byId("chart").querySelectorAll(".pointer").forEach((area, place) => area.classList.toggle("on", place === pointed));
  if (pointed === null) return say("readout", "");
  const bar = bars[pointed];
  const when = clock(bar.start, range().label);
  say("readout", `${when}: ${count(bar.requests, "request", "requests")}, ${large(bar.sent)} tokens sent, ${large(bar.removed)} removed`);
}

byId("chart").addEventListener("pointerleave", () => point(null));
byId("chart").addEventListener("blur", () => point(null));
byId("chart").addEventListener("keydown", (event) => {
  const to = { ArrowLeft: (pointed ?? bars.length) - 1, ArrowRight: (pointed ?? -1) + 1, Home: 0, End: bars.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  point(to);
});
document.querySelectorAll("input[name=range]").forEach((input) => input.addEventListener("change", () => point(null) || showChart()));
new ResizeObserver(showChart).observe(byId("chart"));

// Requests -----------------------------------------------------------------------------------------------------------

let newest = 0;
let missing = 0;

function request(row) {
  const failed = row.status === 0 || row.status >= 400;
  const share = element("i");
  share.style.width = `${row.tokens_before ? (100 * row.tokens_removed) / row.tokens_before : 0}%`;
  const way = [row.api || "passed through", row.transport === "http" ? "" : row.transport, row.project].filter(Boolean).join(", ");
  const status = row.status === 0 ? "gone" : String(row.status);
  const chip = row.bypass ? "bypass" : row.cached ? "cached" : row.failed ? "as it came" : status;
  const summary = element("summary", { class: "row" },
    element("span", { class: "when detail" }, clock(row.time_ms)),
    element("span", { class: "what" }, element("span", { class: "model" }, row.model || row.path || "(no model)"), element("span", { class: "detail" }, `${row.provider}, ${way}`)),
    element("span", { class: "tokens" }, row.tokens_before ? `${large(row.tokens_before)} → ${large(row.tokens_after)}` : "–"),
    element("span", { class: "share" }, element("span", { class: "bar", "aria-hidden": "true" }, share), element("span", {}, percent(row.tokens_removed, row.tokens_before))),
    element("span", { class: "price" }, row.tokens_removed ? dollars(row.removed_list_price_usd) : "–"),
    element("span", { class: "took" }, `${duration(row.overhead_ms)} / ${duration(row.total_ms)}`),
    element("span", { class: "status" }, element("span", { class: `chip${failed || row.failed ? " bad" : ""}` }, failed ? status : chip)));
  const body = element("div", { class: "body" });
  const made = element("details", { class: "request", "data-number": row.number }, summary, body);
  made.addEventListener("toggle", () => {
    if (made.open && !body.hasChildNodes()) open(row.number, body);
  });
  return made;
}

async function open(number, body) {
  body.replaceChildren(element("p", { class: "detail" }, "Loading…"));
  try {
    const answer = await fetch(`dashboard/requests/${number}`);
    const given = await answer.json();
    body.replaceChildren(...(answer.ok ? opened(given) : [element("p", { class: "note" }, given.error.message)]));
  } catch {
    body.replaceChildren(element("p", { class: "note bad" }, "The proxy did not answer. Close and open the request to try again."));
  }
}

function opened(request) {
  const usage = request.provider_usage;
  const facts = [
    ["Request", request.request_id], ["Path", request.path], ["User", request.user], ["Session", request.session],
    ["Tags", request.tags.map(({ name, value }) => `${name}=${value}`).join(", ")],
    ["Transforms", request.transforms.join(", ")],
    ["Steps", request.steps.map((step) => `${step.step} ${duration(step.duration_ms)}`).join(", ")],
    ["Provider took", request.upstream_ms === null ? "" : duration(request.upstream_ms)],
    ["Provider counted", usage ? `${whole.format(usage.input_tokens)} in (${whole.format(usage.cached_input_tokens)} cached), ${whole.format(usage.output_tokens)} out` : ""],
    ["Bytes", `${size(request.request_bytes)} in, ${size(request.response_bytes)} out`],
    ["Retrievals", request.retrieval_rounds || ""],
  ];
  const list = element("dl", { class: "facts" });
  for (const [name, value] of facts) {
    if (value !== "") list.append(element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
  }
  const parts = [list];
  if (request.extensions.length) {
    parts.push(element("div", { class: "note chips" }, ...request.extensions.map((call) =>
      element("span", { class: `chip${kindOf(call.outcome)}`, title: call.warning ?? "" },
        `${call.extension} at ${words(call.stage)}: ${words(call.outcome)}, ${duration(call.duration_ms)}`))));
  }
  if (request.compression_error) parts.push(element("p", { class: "note bad" }, `Sent as it came: ${request.compression_error}`));
  if (request.changes.length) parts.push(...request.changes.map(change));
  else if (!request.texts_kept) parts.push(element("p", { class: "note" }, "Texts are not kept: dashboard_texts is off."));
  else if (request.texts_left) parts.push(element("p", { class: "note" }, "The texts of this request are not kept any more; newer ones took their room."));
  else parts.push(element("p", { class: "note" }, "Nothing was removed from this request."));
  return parts;
}

function change({ path, transform, runs, ...sizes }) {
  const text = element("div", { class: "text", tabindex: "0", role: "region", "aria-label": `Before and after at ${path}` }, ...runs.map(run));
  const cut = sizes.before_bytes_not_shown + sizes.after_bytes_not_shown;
  return element("section", { class: "change" },
    element("div", { class: "change-head" }, element("h3", {}, path),
      element("span", { class: "detail" }, `${words(transform)}, ${size(sizes.before_bytes)} → ${size(sizes.after_bytes)}`)),
    text,
    cut ? element("p", { class: "detail" }, `Cut for this page: ${size(sizes.before_bytes_not_shown)} of the text before and ${size(sizes.after_bytes_not_shown)} of the text after are not shown.`) : null);
}

// Runs of more lines than this are folded in their middle.
const SHOWN = 12;
function run({ kind, lines }) {
  const line = (text) => element("div", {}, text);
  const said = { kept: "kept", removed: "removed", added: "put in", marker: "announcing an omission" }[kind];
  const made = element("div", { class: `run ${kind}`, role: "group", "aria-label": `${count(lines.length, "line", "lines")} ${said}` });
  if (lines.length <= SHOWN) {
    made.append(...lines.map(line));
  } else {
    const folded = lines.slice(5, -3);
    const fold = element("details", {}, element("summary", {}, `${count(folded.length, "more line", "more lines")} ${said}`));
    fold.addEventListener("toggle", () => fold.open && fold.children.length === 1 && fold.append(...folded.map(line)));
    made.append(...lines.slice(0, 5).map(line), fold, ...lines.slice(-3).map(line));
  }
  return made;
}

function showRows(rows, isFirst) {
  const list = byId("rows");
  for (const row of rows) {
    if (row.number <= newest) continue;
    newest = row.number;
    const made = request(row);
    if (!isFirst) made.classList.add("new");
    list.prepend(made);
  }
  // An opened request stays until it is closed.
  for (let last = list.lastElementChild; last && list.children.length > MAX_ROWS && !last.open; last = list.lastElementChild) last.remove();
  say("rows-detail", missing ? `${count(missing, "request", "requests")} came too fast to be listed; all are counted.` : "");
}

// Connection ---------------------------------------------------------------------------------------------------------

let source = null;
let started = null;
let retryAfter = 1000;
let timer = null;
let isPaused = false;
let refreshing = false;
let again = false;

function state(name, text) {
  byId("connection").dataset.state = name;
  say("connection", text);
}

async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const [stats, past] = await Promise.all(["stats", "stats-history"].map(async (path) => (await fetch(path)).json()));
    history = past;
    showStats(stats);
    showChart();
  } catch {
    state("lost", "Connection lost, trying again…");
  }
  setTimeout(() => {
    refreshing = false;
    if (again && source) refresh();
    again = false;
  }, 1000);
}

function connect() {
  clearTimeout(timer);
  source = new EventSource("dashboard/events");
  let isFirst = true;
  source.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    retryAfter = 1000;
    if (started !== hello.started_ms) {
      [started, newest, missing] = [hello.started_ms, 0, 0];
      byId("rows").replaceChildren();
    }
    isFirst = newest === 0;
    state("live", "Live");
    refresh();
  });
  source.addEventListener("requests", (event) => {
    const { rows, missing: more } = JSON.parse(event.data);
    if (!isFirst) missing += more;
    showRows(rows, isFirst);
    isFirst = false;
    refresh();
  });
  source.addEventListener("error", () => {
    state("lost", "Connection lost, trying again…");
    // A refusal closes the stream for good; a break does not.
    if (source.readyState !== EventSource.CLOSED) return;
    timer = setTimeout(connect, retryAfter);
    retryAfter = Math.min(retryAfter * 2, 30_000);
  });
}

function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  disconnect();
  if (isPaused) state("waiting", "Paused");
  else connect();
});
// A page that nobody sees costs the proxy nothing.
document.addEventListener("visibilitychange", () => {
  if (isPaused) return;
  disconnect();
  if (!document.hidden) connect();
});
document.querySelectorAll("[data-origin]").forEach((place) => { place.textContent = location.origin; });
connect();
})();
