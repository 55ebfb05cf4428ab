package policies.rules

import data.sallyport

handled contains "recent"

holds(condition) if {
	condition.kind == "recent"
	sallyport.exceeds(object.get(input.session, condition.counter, null), condition.above)
}
