-- One kind of request for wrk, told by arguments after `--`: a file with the body, and what varies in it.
--
-- `new` changes the digits that stand after `"salt-` in every request, so that the tool result is another one each time.

local kind, body, streams = nil, nil, 0

function init(arguments)
  kind = arguments[2]
  local file = assert(io.open(arguments[1], "rb"))
  body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.path = "/v1/chat/completions"
  wrk.headers["content-type"] = "application/json"
  wrk.headers["authorization"] = "Bearer bench"
  if kind == "bypass" then wrk.headers["x-headroom-bypass"] = "true" end
  wrk.body = body
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
end

function request()
  if kind ~= "new" then return wrk.format() end
  streams = streams + 1
  local salt = string.format("salt-%010d", (math.random(0, 99999) * 100000 + streams) % 10000000000)
  return wrk.format(nil, nil, nil, (body:gsub("salt%-%d%d%d%d%d%d%d%d%d%d", salt)))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"p50_ms":%.4f,"p99_ms":%.4f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
