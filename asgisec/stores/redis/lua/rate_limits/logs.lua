local states, amounts, periods, reply, late, place = {}, {}, {}, {}, false, 1
for at, key in ipairs(KEYS) do
  local left, reset, wait
  amounts[at], periods[at], place = read('<dd', limits, place)
  states[at], left, reset, wait = look(key, amounts[at], periods[at])
  reply[at] = pack('<ddd', left, reset, wait)
  late = late or wait > 0
end
if not late and cost > 0 then
  for at, key in ipairs(KEYS) do
    local left, reset = spend(key, states[at], amounts[at], periods[at])
    reply[at] = pack('<ddd', left, reset, 0)
  end
end
return table.concat(reply)
