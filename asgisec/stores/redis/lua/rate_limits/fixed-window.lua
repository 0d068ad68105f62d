-- Returns what remains, in how many seconds all of it does, in how many the cost fits; where it does, the new state, and
-- how long that is of use.
local function take(key, kept, amount, period, cost)
  local start, spent, ends = now, 0, period
  if kept then
    start, spent = read('<dd', kept)
    ends = start + period - now
    if ends > period then
      start, ends = now, period
      write(key, ends, pack('<dd', start, spent))
    elseif ends <= 0 then
      start, spent, ends = now, 0, period
    end
  end
  local left = amount - spent
  if cost > left then
    return left, spent > 0 and ends or 0, cost > amount and period or ends
  end
  spent = spent + cost
  return left - cost, spent > 0 and ends or 0, 0, pack('<dd', start, spent), ends
end
