-- Refuse what was issued for a key before a time. What stands there already is never weakened.
-- KEYS[1]: the revoked key. ARGV: not_before in seconds, for how many milliseconds.
local not_before, left = ARGV[1], tonumber(ARGV[2])
local known = redis.call('GET', KEYS[1])
if known then
  if tonumber(known) > tonumber(not_before) then
    not_before = known
  end
  left = math.max(left, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[1], not_before, 'PX', string.format('%d', left))
return 1
