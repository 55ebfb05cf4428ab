package policies.rules

import data.sallyport

handled contains "values"

# What is missing or of another type than the test is for counts as found, but for `is` and `given`, which are about what is there.
finds({"test": "above", "value": bound}, value) if sallyport.exceeds(value, bound)

finds({"test": "below", "value": bound}, value) if not is_at_least(value, bound)

finds({"test": "is", "value": wanted}, value) if value in wanted

finds({"test": "is", "value": _}, value) if is_array(value)

finds({"test": "is", "value": _}, value) if is_object(value)

finds({"test": "is_not", "value": wanted}, value) if not value in wanted

finds({"test": "matches", "value": patterns}, value) if {
	some pattern in patterns
	sallyport.matches(pattern, value)
}

finds({"test": "not_matches", "value": patterns}, value) if not fits_some(patterns, value)

finds({"test": "longer_than", "value": bound}, value) if sallyport.exceeds(sallyport.size(value), bound)

finds({"test": "given", "value": true}, value) if value != null

finds({"test": "given", "value": false}, value) if value == null

is_at_least(value, bound) if {
	is_number(value)
	value >= bound
}

fits_some(patterns, value) if {
	some pattern in patterns
	sallyport.only(pattern, value)
}
