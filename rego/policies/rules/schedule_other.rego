package policies.rules

handled contains "time_of_others"

holds(condition) if {
	condition.kind == "time"
	condition.inside
	is_in(condition)
}

holds(condition) if {
	condition.kind == "time"
	condition.inside
	not is_told(condition)
}

holds(condition) if {
	condition.kind == "time"
	not condition.inside
	not is_in(condition)
}
