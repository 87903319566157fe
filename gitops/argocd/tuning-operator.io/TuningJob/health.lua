-- The conditions follow kstatus, and Suspended is a state of its own. Ready, Reconciling and Stalled say the rest.
if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = "The job is being deleted"}
end
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not looked at this spec yet"}
end
-- Never more than one of these holds.
local words = {Ready = "Healthy", Stalled = "Degraded", Suspended = "Suspended", Reconciling = "Progressing"}
for _, condition in ipairs(status.conditions) do
  if condition.status == "True" and words[condition.type] ~= nil then
    return {status = words[condition.type], message = condition.message}
  end
end
return {status = "Progressing", message = "The operator has not said yet how the job stands"}
