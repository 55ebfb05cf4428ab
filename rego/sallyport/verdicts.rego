package sallyport

# Each set is read once, and left out where it is empty, as nearly all are. What is no set, or holds an element of another shape,
# breaks the decision (see broken.rego), so that a rule which says something odd never passes for one that says nothing.
deny_sets[name] := entries if {
	entries := data.policies[name].deny
	not is_empty(entries)
}

approval_sets[name] := entries if {
	entries := data.policies[name].require_approval
	not is_empty(entries)
}

risk_sets[name] := entries if {
	entries := data.policies[name].risk
	not is_empty(entries)
}

mask_sets[name] := entries if {
	entries := data.policies[name].mask
	not is_empty(entries)
}

is_empty(entries) if {
	is_set(entries)
	count(entries) == 0
}

# What the sets that `sallyport_build.varying` names say about this message. Whatever else is read of the input being the same,
# the same answer here is the same decision: a host need not ask for it again.
varying contains ["deny", name, entries] if {
	some name in data.sallyport_build.varying.deny
	entries := data.policies[name].deny
	not is_empty(entries)
}

varying contains ["require_approval", name, entries] if {
	some name in data.sallyport_build.varying.require_approval
	entries := data.policies[name].require_approval
	not is_empty(entries)
}

varying contains ["risk", name, entries] if {
	some name in data.sallyport_build.varying.risk
	entries := data.policies[name].risk
	not is_empty(entries)
}

varying contains ["mask", name, entries] if {
	some name in data.sallyport_build.varying.mask
	entries := data.policies[name].mask
	not is_empty(entries)
}

reason_of(name, set_name, entry) := object.union(
	{"code": entry.code, "rule": concat("/", [name, set_name, entry.code])},
	object.filter(entry, ["message"]),
)

denials contains reason_of(name, "deny", entry) if {
	some name, entries in deny_sets
	some entry in entries
}

risk_reasons contains reason_of(name, "risk", entry) if {
	some name, entries in risk_sets
	some entry in entries
}

# Entries that are equal count once within a policy, and again in every other.
risk_points := sum(sort([entry.points |
	some entries in risk_sets
	some entry in entries
	is_number(entry.points)
]))

default thresholds := {"approve": 70, "deny": 100}

thresholds := object.union({"approve": 70, "deny": 100}, data.thresholds)
