-- As a leaky bucket: how full it is, and when that was so.
local function look(key, amount, period)
  local kept, level = redis.call('GET', key), 0
  if kept then
    local at, was = struct.unpack('<dd', kept)
    level = math.max(0, was - math.max(0, now - at) * (amount / period))
    if at > now then write(key, period, struct.pack('<dd', now, level)) end
  end
  local wait = 0
  if level + cost > amount + TOLERANCE then
    wait = cost > amount and period or math.max((level + cost - amount) * (period / amount), TOLERANCE)
  end
  return level, math.floor(amount - level + TOLERANCE), level * (period / amount), wait
end

local function spend(key, level, amount, period)
  level = level + cost
  local reset = level * (period / amount)
  write(key, reset, struct.pack('<dd', now, level))
  return math.floor(amount - level + TOLERANCE), reset
end
