-- Keep a new record until it expires.
-- KEYS[1]: the record. ARGV: when it expires in milliseconds, 0 for never; then its fields and their values.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if ARGV[1] ~= '0' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end
return 1
