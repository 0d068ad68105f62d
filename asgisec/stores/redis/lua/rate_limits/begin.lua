-- A decision on several limits: `begin.lua`, one strategy, and `end.lua` are one script. The strategies are those of the
-- memory store, on the server's clock.
-- KEYS: one per limit. ARGV: the cost, then amount and period in seconds of each limit.
-- Returns for each limit: what remains, in how many microseconds all of it does, in how many the cost fits (0: it does).
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local cost = tonumber(ARGV[1])
local TOLERANCE = 1e-6

-- A clock that was set back, or is another server's, must not close a limit for the time it went back: what lies in the
-- future is written anew as now.
local function write(key, seconds, packed)
  redis.call('SET', key, packed, 'PX', math.max(1, math.ceil(seconds * 1000)))
end
