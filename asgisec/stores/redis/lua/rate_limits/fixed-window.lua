local function look(key, amount, period)
  local kept = redis.call('GET', key)
  local start, spent, ends = now, 0, period
  if kept then
    start, spent = struct.unpack('<dd', kept)
    ends = start + period - now
    if ends > period then
      start, ends = now, period
      write(key, ends, struct.pack('<dd', start, spent))
    elseif ends <= 0 then
      start, spent, ends = now, 0, period
    end
  end
  local left, wait = amount - spent, 0
  if cost > left then wait = cost > amount and period or ends end
  return {start, spent, ends}, left, spent > 0 and ends or 0, wait
end

local function spend(key, state, amount, period)
  local spent = state[2] + cost
  write(key, state[3], struct.pack('<dd', state[1], spent))
  return amount - spent, state[3]
end
