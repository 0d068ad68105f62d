-- Spend of several limits at once, or of none. The strategies are those of the memory store, on the server's clock.
-- KEYS: one per limit. ARGV: strategy, cost, then amount and period in seconds of each limit.
-- Returns for each limit: what remains, in how many seconds all of it does, in how many the cost fits (0: it did).
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local strategy, cost = ARGV[1], tonumber(ARGV[2])
local TOLERANCE = 1e-6

local function read(key)
  local found, numbers = redis.call('GET', key), {}
  for number in string.gmatch(found or '', '%S+') do
    numbers[#numbers + 1] = tonumber(number)
  end
  return numbers
end

local function write(key, seconds, ...)
  local words = {}
  for at, number in ipairs({...}) do
    words[at] = string.format('%.6f', number)
  end
  redis.call('SET', key, table.concat(words, ' '), 'PX', math.max(1, math.ceil(seconds * 1000)))
end

local fixed = {}

function fixed.look(key, amount, period)
  local state = read(key)
  local start, spent = state[1] or now, state[2] or 0
  if start > now then
    start = now
  elseif now >= start + period then
    start, spent = now, 0
  end
  local left, ends = amount - spent, start + period - now
  local wait = 0
  if cost > left then wait = cost > amount and period or ends end
  return {start = start, spent = spent}, left, spent > 0 and ends or 0, wait
end

function fixed.spend(key, state, amount, period)
  local spent, ends = state.spent + cost, state.start + period - now
  write(key, ends, state.start, spent)
  return amount - spent, ends
end

local sliding = {}

local function slid(state, amount, period)
  local gone = now - state.window * period
  local left = amount - state.current - state.before * (1 - gone / period)
  local ends = state.current > 0 and 2 or state.before > 0 and 1 or 0
  return math.max(0, math.floor(left + TOLERANCE)), ends > 0 and ends * period - gone or 0
end

function sliding.look(key, amount, period)
  local kept, window = read(key), math.floor(now / period)
  local at, current, before = kept[1] or window, kept[2] or 0, kept[3] or 0
  if at == window - 1 then
    current, before = 0, current
  elseif at < window then
    current, before = 0, 0
  end
  local state = {window = window, current = current, before = before}
  local left, reset = slid(state, amount, period)
  local wait, free, gone = 0, amount - cost, now - window * period
  if cost > left then
    if free < 0 then
      wait = period
    elseif current <= free then
      wait = math.max(period * (1 - (free - current) / before) - gone, TOLERANCE)
    else
      wait = period * (2 - free / current) - gone
    end
  end
  return state, left, reset, wait
end

function sliding.spend(key, state, amount, period)
  state.current = state.current + cost
  local left, reset = slid(state, amount, period)
  write(key, reset, state.window, state.current, state.before)
  return left, reset
end

-- Entries are `time cost total`, where total is what was ever spent: a sum is a difference of two.
local moving = {}

local function entry(key, at)
  local found = redis.call('LINDEX', key, at)
  if not found then return nil end
  local when, spent, total = string.match(found, '(%S+) (%S+) (%S+)')
  return {when = tonumber(when), spent = tonumber(spent), total = tonumber(total)}
end

function moving.look(key, amount, period)
  local since = now - period
  local first = entry(key, 0)
  while first and first.when <= since do
    redis.call('LPOP', key)
    first = entry(key, 0)
  end
  if not first then
    return {total = 0, before = 0}, amount, 0, cost > amount and period or 0
  end
  local last = entry(key, -1)
  local state = {total = last.total, before = first.total - first.spent}
  local left = amount - (state.total - state.before)
  local wait = 0
  if cost > amount then
    wait = period
  elseif cost > left then
    -- The first entry with which enough has left.
    local low, high = 0, redis.call('LLEN', key) - 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      if left + entry(key, middle).total - state.before >= cost then high = middle else low = middle + 1 end
    end
    wait = math.max(math.min(entry(key, low).when, now) - since, TOLERANCE)
  end
  return state, left, math.min(last.when, now) - since, wait
end

function moving.spend(key, state, amount, period)
  local total = state.total + cost
  redis.call('RPUSH', key, string.format('%.6f %d %.0f', now, cost, total))
  redis.call('PEXPIRE', key, math.ceil(period * 1000))
  return amount - (total - state.before), period
end

local gcra = {}

local function arrival(free_at, amount, period)
  return math.floor((period - (free_at - now)) / (period / amount) + TOLERANCE)
end

function gcra.look(key, amount, period)
  local free_at = math.min(math.max(read(key)[1] or now, now), now + period)
  local left, wait = arrival(free_at, amount, period), 0
  if cost > left then
    wait = cost > amount and period or math.max(free_at + cost * period / amount - period - now, TOLERANCE)
  end
  return free_at, math.max(0, left), free_at - now, wait
end

function gcra.spend(key, free_at, amount, period)
  free_at = free_at + cost * period / amount
  write(key, free_at - now, free_at)
  return math.max(0, arrival(free_at, amount, period)), free_at - now
end

local by = ({
  ['fixed-window'] = fixed, ['sliding-window-counter'] = sliding, ['moving-window'] = moving, ['gcra'] = gcra,
})[strategy]

local states, standings, late = {}, {}, false
for at, key in ipairs(KEYS) do
  local amount, period = tonumber(ARGV[2 * at + 1]), tonumber(ARGV[2 * at + 2])
  local state, left, reset, wait = by.look(key, amount, period)
  states[at], standings[at], late = state, {left, reset, wait}, late or wait > 0
end
if not late and cost > 0 then
  for at, key in ipairs(KEYS) do
    local left, reset = by.spend(key, states[at], tonumber(ARGV[2 * at + 1]), tonumber(ARGV[2 * at + 2]))
    standings[at] = {left, reset, 0}
  end
end
local reply = {}
for _, standing in ipairs(standings) do
  reply[#reply + 1] = string.format('%d', standing[1])
  reply[#reply + 1] = string.format('%.6f', standing[2])
  reply[#reply + 1] = string.format('%.6f', standing[3])
end
return reply
