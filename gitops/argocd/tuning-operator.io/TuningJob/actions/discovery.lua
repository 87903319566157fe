-- A job that is complete does nothing that could be suspended. One that has failed may go on once it was suspended and resumed.
local actions = {}
if obj.spec.suspend then
  actions["resume"] = {["displayName"] = "Resume", ["iconClass"] = "fa fa-fw fa-play"}
elseif obj.status == nil or obj.status.phase ~= "Complete" then
  actions["suspend"] = {["displayName"] = "Suspend", ["iconClass"] = "fa fa-fw fa-pause"}
end
return actions
