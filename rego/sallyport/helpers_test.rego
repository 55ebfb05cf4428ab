package sallyport_test

import data.sallyport

test_arg if {
	sallyport.arg("sql") == "SELECT 1" with input as asked
	sallyport.arg("limit") == null with input as asked
	sallyport.arg("sql") == "SELECT 1" with input as answered
	sallyport.arg("sql") == null with input as {}
	sallyport.arg("sql") == null with input as {"message": {"call": {"arguments": "odd"}}}
}

test_matches_what_is_missing_or_odd if {
	every value in ["drop", null, ["drop"], 7, {}] {
		sallyport.matches("^drop$", value)
	}
	not sallyport.matches("^drop$", "select")
	sallyport.matches("(", "select")
}

test_only_a_text_that_fits if {
	sallyport.only("^select", "select 1")
	every value in ["drop", null, ["select"], 7, {}] {
		not sallyport.only("^select", value)
	}
	not sallyport.only("(", "select")
}

test_exceeds_what_is_missing_or_odd if {
	every value in [1001, null, "5", [], {}] {
		sallyport.exceeds(value, 1000)
	}
	sallyport.exceeds(1, "odd")
	not sallyport.exceeds(1000, 1000)
}

test_within_a_number_that_fits if {
	sallyport.within(1000, 1000)
	every value in [1001, null, "5", [], {}] {
		not sallyport.within(value, 1000)
	}
	not sallyport.within(1, "odd")
}

test_in_group if {
	sallyport.in_group("support") with input as asked
	not sallyport.in_group("oncall") with input as asked
}

test_at if {
	sallyport.at({"a": [{"b": 1}]}, ["a", 0, "b"]) == 1
	sallyport.at([{"b": 1}], [0, "b"]) == 1
	sallyport.at({"a": 1}, ["b"]) == null
	sallyport.at("text", ["b"]) == null
}

test_items if {
	sallyport.items([1, 2]) == [1, 2]
	sallyport.items({"a": 1}) == [1]
	sallyport.items("text") == ["text"]
	sallyport.items(null) == [null]
}

test_size if {
	sallyport.size("abc") == 3
	sallyport.size([1]) == 1
	sallyport.size({"a": 1, "b": 2}) == 2
	sallyport.size(null) == null
}

test_hour if {
	sallyport.hour("2026-11-21T00:54:25.000Z") == 0
	sallyport.hour("2026-11-21T09:54:25.000Z") == 9
	sallyport.hour("2026-11-21T23:54:25.000Z") == 23
	every odd in ["", "2026-11-21Txx:00", "2026-11-21T1", "2026-11-21T1:", "2026-11-21T0,", "2026-11-21T,0", "2026-11-21T24:00", null, 7] {
		sallyport.hour(odd) == 24
	}
}
