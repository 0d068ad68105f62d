-- Make a successor the current refresh token of a family: one step, whoever else does the same.
-- KEYS[1]: the family. ARGV: hash of the presented secret, hash of the successor's, sealed successor, grace in seconds.
-- Returns what became of it, and what was put aside for the holder of the presented token.
local presented, successor, sealed, grace = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local known = redis.call('HMGET', KEYS[1], 'current', 'previous', 'refreshed_at', 'sealed', 'ended')
if not known[1] or known[5] == '1' then
  return {'gone'}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if presented == known[1] then
  redis.call('HSET', KEYS[1], 'current', successor, 'previous', presented, 'sealed', sealed,
    'refreshed_at', string.format('%.6f', now))
  return {'rotated'}
end
if presented == known[2] and now < tonumber(known[3]) + grace then
  return {'repeated', known[4]}
end
redis.call('HSET', KEYS[1], 'ended', '1')
return {'reused'}
