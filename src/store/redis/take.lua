-- Takes one from each bucket, or none from any when one of them is empty. KEYS: the buckets. ARGV: "take", or "look",
-- which changes nothing; then for each bucket the microseconds of one request, and how many it holds. A bucket is the
-- time at which it is full again, by the clock of this server, in microseconds: as precise as numbers are here.
-- Answers for each: whether there is one, how many are left, and the microseconds until it is full, and until there is
-- one again.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answers, taken, all = {}, {}, true
for i = 1, #KEYS do
  local interval = tonumber(ARGV[2 * i])
  local whole = interval * tonumber(ARGV[2 * i + 1])
  local full = tonumber(redis.call('GET', KEYS[i]) or now)
  full = math.min(math.max(full, now), now + whole)
  taken[i] = full + interval
  local wait = taken[i] - whole - now
  local answer
  if wait > 0 then
    all = false
    answer = {0, 0, full - now, wait}
  else
    answer = {1, math.floor(-wait / interval), taken[i] - now, 0}
  end
  for _, number in ipairs(answer) do answers[#answers + 1] = number end
end
if all and ARGV[1] == 'take' then
  for i = 1, #KEYS do
    local kept = math.ceil((taken[i] - now) / 1000)
    redis.call('SET', KEYS[i], string.format('%.0f', taken[i]), 'PX', string.format('%.0f', kept))
  end
end
return answers
