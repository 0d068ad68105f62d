-- Set fields of a record, if it is there, and return it. A record that is not there is not begun.
-- KEYS[1]: the record. ARGV: a field, and what it must hold, both empty where nothing must; then fields and their new
-- values; a value is `=` and the text, or `-` to remove the field.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return {}
end
for at = 3, #ARGV, 2 do
  local value = ARGV[at + 1]
  if string.sub(value, 1, 1) == '=' then
    redis.call('HSET', KEYS[1], ARGV[at], string.sub(value, 2))
  else
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
end
return redis.call('HGETALL', KEYS[1])
