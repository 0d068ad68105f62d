-- Entries are time, cost, and what was ever spent: a sum is a difference of two of these.
local LOG_LENGTH = 1000

local function entry(key, at)
  local kept = call('LINDEX', key, at)
  if kept then return {read('<ddd', kept)} end
end

local function look(key, amount, period)
  local since, at = now - period, now
  local part = period / LOG_LENGTH
  if amount > LOG_LENGTH then at = ceil(now / part) * part end
  local first = entry(key, 0)
  while first and first[1] <= since do
    call('LPOP', key)
    first = entry(key, 0)
  end
  if not first then return {at, 0, 0}, amount, 0, cost > amount and period or 0 end
  local last = entry(key, -1)
  if last[1] > at then
    for place = 0, call('LLEN', key) - 1 do
      local kept = entry(key, place)
      call('LSET', key, place, pack('<ddd', math.min(kept[1], at), kept[2], kept[3]))
    end
    call('PEXPIRE', key, ceil((at - now + period) * 1000))
    last[1] = at
  end
  local before = first[3] - first[2]
  local left, wait = amount - (last[3] - before), 0
  if cost > amount then
    wait = period
  elseif cost > left then
    -- The first entry with which enough has left.
    local low, high = 0, call('LLEN', key) - 1
    while low < high do
      local middle = floor((low + high) / 2)
      if left + entry(key, middle)[3] - before >= cost then high = middle else low = middle + 1 end
    end
    wait = entry(key, low)[1] - since
  end
  return {at, last[3], before, last}, left, last[1] - since, wait
end

local function spend(key, state, amount, period)
  local at, total, before, last = state[1], state[2] + cost, state[3], state[4]
  if last and last[1] == at then
    call('LSET', key, -1, pack('<ddd', at, last[2] + cost, total))
  else
    call('RPUSH', key, pack('<ddd', at, cost, total))
  end
  call('PEXPIRE', key, ceil((at - now + period) * 1000))
  return amount - (total - before), at - now + period
end
