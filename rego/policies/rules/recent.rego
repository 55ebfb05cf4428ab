package policies.rules

import data.sallyport

handled contains "recent"

holds(condition) if {
	condition.kind == "recent"
	sallyport.exceeds(counted(condition.counter), condition.above)
}

counted(counter) := found if {
	found := input.session[counter]
} else := null
