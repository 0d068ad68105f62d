local states, amounts, periods, reply, late = {}, {}, {}, {}, false
for at, key in ipairs(KEYS) do
  local amount, period = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
  local state, left, reset, wait = look(key, amount, period)
  states[at], amounts[at], periods[at] = state, amount, period
  reply[3 * at - 2], reply[3 * at - 1], reply[3 * at] = left, reset, wait
  late = late or wait > 0
end
if not late and cost > 0 then
  for at, key in ipairs(KEYS) do
    reply[3 * at - 2], reply[3 * at - 1] = spend(key, states[at], amounts[at], periods[at])
  end
end
for at = 1, #reply, 3 do
  reply[at + 1], reply[at + 2] = math.ceil(reply[at + 1] * 1e6), math.ceil(reply[at + 2] * 1e6)
end
return reply
