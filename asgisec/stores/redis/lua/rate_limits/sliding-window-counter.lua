local function stands(current, before, gone, amount, period)
  local weight = math.floor(math.max(0, before * (1 - gone / period) - TOLERANCE))
  local reset = 0
  if current > 0 then
    reset = 2 * period - period / current - gone
  elseif before > 0 then
    reset = math.max(0, period - period / before - gone)
  end
  return math.max(0, amount - current - weight), reset
end

local function look(key, amount, period)
  local kept = redis.call('GET', key)
  local start, current, before, gone = now, 0, 0, 0
  if kept then
    start, current, before = struct.unpack('<ddd', kept)
    gone = now - start
    if gone >= 2 * period then
      start, current, before, gone = now, 0, 0, 0
    elseif gone >= period then
      start, current, before, gone = start + period, 0, current, gone - period
    elseif gone < 0 then
      start, gone = now, 0
      write(key, 2 * period, struct.pack('<ddd', start, current, before))
    end
  end
  local left, reset = stands(current, before, gone, amount, period)
  if left == amount then start, before, gone, reset = now, 0, 0, 0 end  -- nothing counts any more
  local wait, free = 0, amount - cost
  if cost > left then
    if free < 0 then
      wait = period
    elseif current <= free then
      wait = math.max(period * (1 - (free - current + 1) / before) - gone, TOLERANCE)
    else
      wait = period * (2 - (free + 1) / current) - gone
    end
  end
  return {start, current, before, gone}, left, reset, wait
end

local function spend(key, state, amount, period)
  local current = state[2] + cost
  local left, reset = stands(current, state[3], state[4], amount, period)
  write(key, reset, struct.pack('<ddd', state[1], current, state[3]))
  return left, reset
end
