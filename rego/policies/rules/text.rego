package policies.rules

import data.sallyport

handled contains "text"

# Everything that is said, names of members included.
texts contains text if {
	walk(input.message.body, [_, text])
	is_string(text)
}

texts contains name if {
	walk(input.message.body, [path, _])
	name := path[count(path) - 1]
	is_string(name)
}

holds(condition) if {
	condition.kind == "text"
	some text in texts
	some pattern in condition.patterns
	sallyport.matches(pattern, text)
}
