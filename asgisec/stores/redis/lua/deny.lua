-- Refuse what was issued for a key before a time. What stands there already is never weakened.
-- KEYS[1]: the revoked key. ARGV: not_before in seconds, expires_at in milliseconds.
local not_before, expires_at = ARGV[1], tonumber(ARGV[2])
local known = redis.call('GET', KEYS[1])
if known then
  if tonumber(known) > tonumber(not_before) then
    not_before = known
  end
  expires_at = math.max(expires_at, redis.call('PEXPIRETIME', KEYS[1]))
end
redis.call('SET', KEYS[1], not_before, 'PXAT', string.format('%d', expires_at))
return 1
