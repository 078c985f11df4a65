-- wrk: requests with keys in turn, and the figures of the run as one JSON line.
-- KEYS_FILE holds one key a line; each connection's next request takes the next one.
local requests, at = {}, 0

function init(args)
	for key in io.lines(os.getenv("KEYS_FILE")) do
		requests[#requests + 1] = wrk.format("GET", os.getenv("REQUEST_PATH"), {
			["Host"] = "api.shop.example",
			["X-API-Key"] = key,
			["User-Agent"] = "wrk",
			["Accept"] = "*/*",
			["Connection"] = os.getenv("CLOSE") ~= "" and "close" or nil,
		})
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function done(summary, latency, _)
	local e = summary.errors
	io.write(string.format(
		'JSON {"requests":%d,"seconds":%.6f,"bytes":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d,"max_us":%d,' ..
		'"errors":%d,"bad_status":%d}\n',
		summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50),
		latency:percentile(90), latency:percentile(99), latency.max,
		e.connect + e.read + e.write + e.timeout, e.status))
end
