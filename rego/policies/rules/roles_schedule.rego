package policies.rules

handled contains "time_of_roles"

gives(condition) if {
	condition.kind == "time"
	condition.inside
	is_in(condition)
}

gives(condition) if {
	condition.kind == "time"
	not condition.inside
	is_told(condition)
	not is_in(condition)
}
