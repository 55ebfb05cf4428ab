package policies.rules

import data.sallyport

handled contains "values"

# Whether a value is certainly not what the tests look for: what is missing or of another type than a test is for is found by it,
# but for `is` and `given`, which are about what is there.
misses(tests, value) if sallyport.within(value, tests.above)

misses(tests, value) if {
	is_number(value)
	value >= tests.below
}

misses(tests, value) if {
	not value in tests.is
	not is_array(value)
	not is_object(value)
}

misses(tests, value) if value in tests.is_not

misses(tests, value) if {
	is_string(value)
	every pattern in tests.contains { regex.match(pattern, value) == false }
}

misses(tests, value) if {
	is_string(value)
	every pattern in tests.matches { regex.match(pattern, value) == false }
}

misses(tests, value) if {
	some pattern in tests.not_matches
	sallyport.only(pattern, value)
}

misses(tests, value) if sallyport.within(sallyport.size(value), tests.longer_than)

misses(tests, null) if tests.given

misses(tests, value) if {
	tests.given == false
	value != null
}
