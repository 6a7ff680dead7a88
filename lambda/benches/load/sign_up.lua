-- What wrk sends: sign-ups, each with an address of its own. `prefix` tells one run's addresses from another's; what else
-- a person writes can be told as well, as JSON after the address.

local number, prefix = 0, ""
local headers = { ["Content-Type"] = "application/json" }
local rest = '@example.com","full_name":"Ada Lovelace","age":36,"nationality":"GB","marital_status":"single",'
  .. '"topics":["science","history"],"about":"I like engines.","consent":true}'

function init(arguments)
  prefix = arguments[1] or ""
  rest = arguments[2] or rest
end

function request()
  number = number + 1
  return wrk.format("POST", nil, headers, '{"email":"' .. prefix .. number .. rest)
end

-- One line for the bench: requests, microseconds, failures, and the latency's median and 99th percentile.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
