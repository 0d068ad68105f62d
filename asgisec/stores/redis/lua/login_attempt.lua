-- Count one attempt to log in at every pace, or at none.
-- KEYS: for each pace its record, and the name that exempts from it, or the record again where there is none.
-- ARGV: for each pace: free, first wait, longest wait, forgotten after, in seconds.
-- Returns in how many seconds it may be tried again; 0 where it was counted.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local counted, wait = {}, 0
for at = 1, #KEYS, 2 do
  local key, exempting = KEYS[at], KEYS[at + 1]
  if exempting == key or redis.call('EXISTS', exempting) == 0 then
    local known, argv = redis.call('HMGET', key, 'attempts', 'next_at'), (at - 1) * 2
    counted[#counted + 1] = {key = key, attempts = tonumber(known[1]) or 0, argv = argv}
    local left = (tonumber(known[2]) or now) - now
    -- Longer than the longest: the clock was put back, and nobody has to wait until it is there again.
    if left <= tonumber(ARGV[argv + 3]) + 1 then
      wait = math.max(wait, left)
    end
  end
end
if wait > 0 then
  return string.format('%.6f', wait)
end
for _, count in ipairs(counted) do
  local free, first = tonumber(ARGV[count.argv + 1]), tonumber(ARGV[count.argv + 2])
  local longest, forgotten = tonumber(ARGV[count.argv + 3]), tonumber(ARGV[count.argv + 4])
  local attempts, next_wait = count.attempts + 1, 0
  local over = math.min(attempts - free, 64)
  if over >= 0 then
    next_wait = math.min(longest, first * 2 ^ over)
  end
  redis.call('HSET', count.key, 'attempts', attempts, 'next_at', string.format('%.6f', now + next_wait))
  redis.call('PEXPIRE', count.key, math.ceil(math.max(forgotten, next_wait) * 1000))
end
return '0'
