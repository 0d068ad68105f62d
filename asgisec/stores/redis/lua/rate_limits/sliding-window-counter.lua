-- Returns what remains, in how many seconds all of it does, in how many the cost fits; where it does, the new state, and
-- how long that is of use.
local function reset_after(current, before, gone, period)
  if current > 0 then return 2 * period - period / current - gone end
  if before > 0 then return max(0, period - period / before - gone) end
  return 0
end

local function wait_for(current, before, gone, amount, period, cost)
  local free = amount - cost
  if free < 0 then return period end
  if current <= free then return max(period * (1 - (free - current + 1) / before) - gone, TOLERANCE) end
  return period * (2 - (free + 1) / current) - gone
end

local function take(key, kept, amount, period, cost)
  local start, current, before, gone = now, 0, 0, 0
  if kept then
    start, current, before = read('<ddd', kept)
    gone = now - start
    if gone >= 2 * period then
      start, current, before, gone = now, 0, 0, 0
    elseif gone >= period then
      start, current, before, gone = start + period, 0, current, gone - period
    elseif gone < 0 then
      start, gone = now, 0
      write(key, 2 * period, pack('<ddd', start, current, before))
    end
  end
  local left = amount - current
  if before > 0 then left = max(0, left - floor(max(0, before * (1 - gone / period) - TOLERANCE))) end
  if left == amount then start, before, gone = now, 0, 0 end  -- nothing counts any more
  if cost > left then
    local reset = reset_after(current, before, gone, period)
    return left, reset, wait_for(current, before, gone, amount, period, cost)
  end
  current = current + cost
  local reset = reset_after(current, before, gone, period)
  return left - cost, reset, 0, pack('<ddd', start, current, before), reset
end
