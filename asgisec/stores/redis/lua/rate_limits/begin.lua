-- A decision on several limits: `begin.lua`, one strategy, and how its counts are kept, `counters.lua` or `logs.lua`, are
-- one script. The strategies are those of the memory store, on the server's clock.
-- KEYS: one per limit. ARGV: the cost, then amount and period in seconds of all limits, as doubles.
-- Returns for each limit, as doubles: what remains, in how many seconds all of it does, in how many the cost fits (0: it
-- does).
local call, pack, read = redis.call, struct.pack, struct.unpack
local floor, ceil, max = math.floor, math.ceil, math.max
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local cost, limits = tonumber(ARGV[1]), ARGV[2]
local TOLERANCE = 1e-6

-- A clock that was set back, or is another server's, must not close a limit for the time it went back: what lies in the
-- future is written anew as now.
local function write(key, seconds, packed)
  call('SET', key, packed, 'PX', max(1, ceil(seconds * 1000)))
end
