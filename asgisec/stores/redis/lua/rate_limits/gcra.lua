-- As a leaky bucket: how full it is, and when that was so.
-- Returns what remains, in how many seconds all of it does, in how many the cost fits; where it does, the new state, and
-- how long that is of use.
local function take(key, kept, amount, period, cost)
  local level, each = 0, period / amount
  if kept then
    local at, was = read('<dd', kept)
    level = max(0, was - max(0, now - at) * (amount / period))
    if at > now then write(key, period, pack('<dd', now, level)) end
  end
  local full = level + cost
  if full > amount + TOLERANCE then
    return floor(amount - level + TOLERANCE), level * each, cost > amount and period or max((full - amount) * each, TOLERANCE)
  end
  return floor(amount - full + TOLERANCE), full * each, 0, pack('<dd', now, full), full * each
end
