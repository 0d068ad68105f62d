local states, reply, late = {}, {}, false
for at, key in ipairs(KEYS) do
  local amount, period = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
  local state, left, reset, wait = look(key, amount, period)
  states[at], reply[3 * at - 2], reply[3 * at - 1], reply[3 * at] = state, left, reset, wait
  late = late or wait > 0
end
if not late and cost > 0 then
  for at, key in ipairs(KEYS) do
    local amount, period = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
    reply[3 * at - 2], reply[3 * at - 1] = spend(key, states[at], amount, period)
  end
end
for at = 1, #KEYS do
  reply[3 * at - 1], reply[3 * at] = math.ceil(reply[3 * at - 1] * 1e6), math.ceil(reply[3 * at] * 1e6)
end
return reply
