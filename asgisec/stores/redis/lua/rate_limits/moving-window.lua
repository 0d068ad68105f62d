-- Entries are time, cost, and what was ever spent: a sum is a difference of two of these.
local LOG_LENGTH = 1000

local function entry(key, at)
  local kept = redis.call('LINDEX', key, at)
  if kept then return {struct.unpack('<ddd', kept)} end
end

local function look(key, amount, period)
  local since, at = now - period, now
  local part = period / LOG_LENGTH
  if amount > LOG_LENGTH then at = math.ceil(now / part) * part end
  local first = entry(key, 0)
  while first and first[1] <= since do
    redis.call('LPOP', key)
    first = entry(key, 0)
  end
  if not first then return {at, 0, 0}, amount, 0, cost > amount and period or 0 end
  local last = entry(key, -1)
  if last[1] > at then
    for place = 0, redis.call('LLEN', key) - 1 do
      local kept = entry(key, place)
      redis.call('LSET', key, place, struct.pack('<ddd', math.min(kept[1], at), kept[2], kept[3]))
    end
    redis.call('PEXPIRE', key, math.ceil((at - now + period) * 1000))
    last[1] = at
  end
  local before = first[3] - first[2]
  local left, wait = amount - (last[3] - before), 0
  if cost > amount then
    wait = period
  elseif cost > left then
    -- The first entry with which enough has left.
    local low, high = 0, redis.call('LLEN', key) - 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      if left + entry(key, middle)[3] - before >= cost then high = middle else low = middle + 1 end
    end
    wait = entry(key, low)[1] - since
  end
  return {at, last[3], before, last}, left, last[1] - since, wait
end

local function spend(key, state, amount, period)
  local at, total, before, last = state[1], state[2] + cost, state[3], state[4]
  if last and last[1] == at then
    redis.call('LSET', key, -1, struct.pack('<ddd', at, last[2] + cost, total))
  else
    redis.call('RPUSH', key, struct.pack('<ddd', at, cost, total))
  end
  redis.call('PEXPIRE', key, math.ceil((at - now + period) * 1000))
  return amount - (total - before), at - now + period
end
