package policies.rules

handled contains "annotation"

annotations := found if {
	found := input.message.call.annotations
	is_object(found)
} else := found if {
	found := input.request.call.annotations
	is_object(found)
} else := {} if {
	call_kind
}

permits(condition) if {
	condition.kind == "annotation"
	input.message.call.annotations[condition.name] in condition.values
}

holds(condition) if {
	condition.kind == "annotation"
	value := object.get(annotations, condition.name, null)
	not misses(condition.tests, value)
}
