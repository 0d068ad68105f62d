-- Take one of several places, or keep the one that is held, for a while.
-- KEYS: the holders, each with the time in milliseconds until which it has its place. ARGV: holder, places, milliseconds.
-- Returns whether it has a place (1 or 0), and how many are free.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local places, length = tonumber(ARGV[2]), tonumber(ARGV[3])

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZCARD', KEYS[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if held >= places then
    -- A clock that was set back must not keep the place of a process that crashed for the time it went back.
    for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + length), '+inf')) do
      redis.call('ZADD', KEYS[1], now + length, late)
    end
    return {0, 0}
  end
  held = held + 1
end
redis.call('ZADD', KEYS[1], now + length, ARGV[1])
redis.call('PEXPIRE', KEYS[1], length)
return {1, math.max(0, places - held)}
