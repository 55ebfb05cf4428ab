package sallyport

# METADATA
# title: arg
# description: The argument of that name of the call in question (of an answer, of the call that it answers), or null.
arg(name) := object.get(call_arguments, name, null)

default call_arguments := {}

call_arguments := input.message.call.arguments if {
	is_object(input.message.call.arguments)
} else := input.request.call.arguments if {
	is_object(input.request.call.arguments)
}

# METADATA
# title: matches
# description: |
#   The text fits the pattern; so does anything that is no text, and everything where the pattern cannot be read.
#   For `deny`, `require_approval` and `risk`; never under `not`.
matches(pattern, value) if not differs(pattern, value)

# A pattern that cannot be read gives no answer, which is neither true nor false; it is asked only once, for reading it is what costs.
differs(pattern, value) if {
	is_string(value)
	regex.match(pattern, value) == false
}

# METADATA
# title: only
# description: A text that fits the pattern, and nothing else. The one to negate ("deny unless it is a SELECT").
only(pattern, value) if {
	is_string(value)
	regex.match(pattern, value)
}

# METADATA
# title: exceeds
# description: A number above the bound; so is anything that is no number. For `deny`, `require_approval` and `risk`; never under `not`.
exceeds(value, bound) if not within(value, bound)

# METADATA
# title: within
# description: A number up to the bound, and nothing else. The one to negate.
within(value, bound) if {
	is_number(value)
	is_number(bound)
	value <= bound
}

# METADATA
# title: in_group
# description: The caller is in the group.
in_group(group) if group in input.actor.groups

# METADATA
# title: at
# description: What stands at the path (an array of names and indices) below a value, or null.
at(value, path) := found if {
	is_object(value)
	found := object.get(value, path, null)
} else := found if {
	is_array(value)
	found := object.get({"": value}, array.concat([""], path), null)
} else := null

# METADATA
# title: items
# description: The elements of an array or the values of an object; anything else is one item itself, so that it is looked at too.
items(value) := [item | some item in value] if is_collection(value)

items(value) := [value] if not is_collection(value)

# METADATA
# title: size
# description: How many characters, elements or members, or null for what has none; `exceeds` counts null as too many.
size(value) := count(value) if is_string(value)

size(value) := count(value) if is_collection(value)

size(value) := null if not is_sizeable(value)

is_sizeable(value) if is_string(value)

is_sizeable(value) if is_collection(value)

# METADATA
# title: hour
# description: The hour (UTC) of an RFC 3339 time, 0 to 23; 24, later than every hour, where it is no such time.
hour(time) := to_number(trim_prefix(digits, "0")) if {
	is_string(time)
	digits := substring(time, 11, 2)
	count(digits) == 2
	contains("00,01,02,03,04,05,06,07,08,09,10,11,12,13,14,15,16,17,18,19,20,21,22,23", digits)
} else := 24
