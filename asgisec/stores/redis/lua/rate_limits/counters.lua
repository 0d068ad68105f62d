local kept = call('MGET', unpack(KEYS))
local states, lives, reply, late, place = {}, {}, {}, false, 1
for at, key in ipairs(KEYS) do
  local amount, period, left, reset, wait
  amount, period, place = read('<dd', limits, place)
  left, reset, wait, states[at], lives[at] = take(key, kept[at], amount, period, cost)
  reply[at] = pack('<ddd', left, reset, wait)
  late = late or wait > 0
end
if late then
  -- Nothing is spent of those either that had room.
  for at, key in ipairs(KEYS) do
    if states[at] then
      local amount, period = read('<dd', limits, 16 * at - 15)
      local left, reset = take(key, kept[at], amount, period, 0)
      reply[at] = pack('<ddd', left, reset, 0)
    end
  end
elseif cost > 0 then
  for at, key in ipairs(KEYS) do
    write(key, lives[at], states[at])
  end
end
return table.concat(reply)
