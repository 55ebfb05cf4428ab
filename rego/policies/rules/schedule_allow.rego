package policies.rules

handled contains "time_of_allow"

permits(condition) if {
	condition.kind == "time"
	condition.inside
	is_in(condition)
}

permits(condition) if {
	condition.kind == "time"
	not condition.inside
	is_told(condition)
	not is_in(condition)
}
