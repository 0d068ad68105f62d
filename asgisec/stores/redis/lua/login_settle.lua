-- Say how an attempt to log in went.
-- KEYS: what to forget; then for each pace to undo its record, and the name that exempts from it, or the record again;
-- then, where there is one, the name to remember.
-- ARGV: how many to forget; how many to undo; for each of these free, first and longest wait in seconds; seconds to remember.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local forget, undo = tonumber(ARGV[1]), tonumber(ARGV[2])
for at = 1, forget do
  redis.call('DEL', KEYS[at])
end
for at = 0, undo - 1 do
  local key, exempting = KEYS[forget + 2 * at + 1], KEYS[forget + 2 * at + 2]
  if exempting == key or redis.call('EXISTS', exempting) == 0 then
    local known = redis.call('HMGET', key, 'attempts', 'next_at')
    if known[1] then
      local free, first, longest = tonumber(ARGV[3 * at + 3]), tonumber(ARGV[3 * at + 4]), tonumber(ARGV[3 * at + 5])
      local left, wait = math.max(0, tonumber(known[1]) - 1), 0
      local over = math.min(left - free, 64)
      if over >= 0 then
        wait = math.min(longest, first * 2 ^ over)
      end
      local next_at = math.min(tonumber(known[2]), now + wait)
      redis.call('HSET', key, 'attempts', left, 'next_at', string.format('%.6f', next_at))
    end
  end
end
local remembered = KEYS[forget + 2 * undo + 1]
if remembered then
  redis.call('SET', remembered, '1', 'PX', math.ceil(tonumber(ARGV[#ARGV]) * 1000))
end
return 1
