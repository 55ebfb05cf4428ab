package sallyport

# In the order of rule ids: of two masks of one place the first counts.
masks := [mask | some [_, mask] in sort(mask_entries)]

mask_entries contains [rule, shape] if {
	some name, entries in mask_sets
	some entry in entries
	rule := mask_rule(name, entry)
	shape := object.union(
		{"with": object.get(entry, "with", "[MASKED]"), "must": object.get(entry, "must", false), "rule": rule},
		object.filter(entry, ["path", "detector"]),
	)
}

mask_rule(name, entry) := concat("/", [name, "mask", entry.code])

mask_rule(name, entry) := concat("/", [name, "mask"]) if not entry.code

mask_reasons contains reason if {
	some name, entries in mask_sets
	some entry in entries
	reason := object.union(
		{"code": object.get(entry, "code", "masked"), "rule": mask_rule(name, entry)},
		object.filter(entry, ["message"]),
	)
}
