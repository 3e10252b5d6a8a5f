-- What wrk sends: one request for each line "PATH TOKEN" of the first argument's file.
-- The second argument says what comes after the last line: "rotate" begins again, "once" ends the
-- thread, because no token may be seen twice. With a third and a fourth, the requests of another
-- file are mixed in from that second of the clock on.
local requests, others, last, turn = {}, {}, 0, 0
local once, since = false, nil

local function read(name)
  local list = {}
  for line in io.lines(name) do
    local path, token = line:match("^(%S+) (%S+)$")
    list[#list + 1] = wrk.format("GET", path, {
      ["Host"] = "api.example.com", ["Authorization"] = "Bearer " .. token })
  end
  return list
end

function init(args)
  requests = read(args[1])
  last = #requests
  once = args[2] == "once"
  if args[3] then
    others = read(args[3])
    since = tonumber(args[4])
  end
end

function request()
  turn = turn + 1
  if since and turn % 2 == 0 and os.time() >= since then
    return others[turn % #others + 1]
  end
  if once and turn >= last then
    wrk.thread:stop()
    return requests[last]
  end
  return requests[(turn - 1) % last + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50":%f,"p99":%f,"p999":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
