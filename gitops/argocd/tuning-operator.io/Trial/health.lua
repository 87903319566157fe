-- The conditions follow kstatus: exactly one of Ready, Reconciling and Stalled holds.
if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = "The trial is being deleted"}
end
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not looked at this trial yet"}
end
local words = {Ready = "Healthy", Stalled = "Degraded", Reconciling = "Progressing"}
for _, condition in ipairs(status.conditions) do
  if condition.status == "True" and words[condition.type] ~= nil then
    -- Not every state of a trial needs a sentence.
    local message = condition.message
    if message == nil or message == "" then
      message = condition.reason
    end
    return {status = words[condition.type], message = message}
  end
end
return {status = "Progressing", message = "The operator has not said yet how the trial stands"}
