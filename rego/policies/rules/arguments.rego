package policies.rules

import data.sallyport

handled contains "argument"

holds(condition) if {
	condition.kind == "argument"
	not misses(condition.tests, argument(condition.path))
}

argument(path) := sallyport.arg(path[0]) if count(path) == 1

argument(path) := sallyport.at(sallyport.arg(path[0]), array.slice(path, 1, count(path))) if count(path) > 1
