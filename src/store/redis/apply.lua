-- Makes all changes or none. KEYS: the records. ARGV: the time, then for each record what it must be ("*": does not
-- matter, "-": not there, "=" and the value), what it becomes ("-": removed, "+" and the value with its end), and how
-- long it is kept, in milliseconds. A record stands behind its end: "END:VALUE".
local now = tonumber(ARGV[1])
local there = {}
for i = 1, #KEYS do
  local stored = redis.call('GET', KEYS[i])
  there[i] = stored
  local value = false
  if stored then
    local colon = string.find(stored, ':', 1, true)
    if tonumber(string.sub(stored, 1, colon - 1)) > now then
      value = string.sub(stored, colon + 1)
    end
  end
  local expected = ARGV[3 * i - 1]
  local kind = string.sub(expected, 1, 1)
  if kind == '-' and value then return 0 end
  if kind == '=' and value ~= string.sub(expected, 2) then return 0 end
end
for i = 1, #KEYS do
  local new = ARGV[3 * i]
  if new ~= '-' then
    redis.call('SET', KEYS[i], string.sub(new, 2), 'PX', ARGV[3 * i + 1])
  elseif there[i] then
    redis.call('DEL', KEYS[i])
  end
end
return 1
