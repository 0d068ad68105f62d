-- Add to the uses of an API key, if it is there.
-- KEYS[1]: the key's record. ARGV: how often it was used, and when last.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'request_count', ARGV[1])
local known = redis.call('HGET', KEYS[1], 'last_used_at')
if not known or tonumber(known) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'last_used_at', ARGV[2])
end
return 1
