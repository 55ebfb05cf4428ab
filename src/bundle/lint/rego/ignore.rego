package lint

# Everything that may be ignored.
codes := {
	"answer_call", "unknown_value", "unknown_detector", "unknown_method", "contradiction", "unreachable_else", "builtin_may_fail",
	"print_left", "skipped_test", "untitled", "unconditional", "unreadable_pattern", "unreachable_pattern", "unreachable_case",
	"unanchored_only", "approval_everywhere", "allow_anybody", "missing_default", "unused_rule", "unread_data",
}

# `# sallyport-lint: ignore <rule>: <reason>`
ignores contains {"file": file, "row": to_number(row), "code": code} if {
	some file, rows in input.comments
	some row, text in rows
	[[_, code]] := regex.find_all_string_submatch_n(`^\s*sallyport-lint: ignore ([a-z_]+): *\S.*$`, text, 1)
	code in codes
}

# It holds for its own line, and for what follows the comment that it is part of.
covers(ignore, one) if {
	ignore.code == one.code
	ignore.file == one.file
	ignore.row <= one.row
	every row in numbers.range(ignore.row, one.row) {
		is_comment_or(one.row, ignore.file, row)
	}
}

# Data has no comments that would reach this far.
covers(ignore, one) if {
	ignore.code == one.code
	one.file == ""
}

is_comment_or(last, _, row) if row == last

is_comment_or(last, file, row) if {
	row != last
	input.comments[file][format_int(row, 10)]
}

is_ignored(one) if {
	some ignore in ignores
	covers(ignore, one)
}

# METADATA
# title: An ignore that cannot be read
# description: Whoever silences a rule says which and why.
# custom:
#   code: bad_ignore
#   level: error
#   remedy: "write `# sallyport-lint: ignore <rule>: <reason>` with a rule that docs/policies.md lists"
complaints contains object.union(finding(rego.metadata.rule(), {"row": to_number(row), "col": 1}, message), {"file": file}) if {
	some file, rows in input.comments
	some row, text in rows
	regex.match(`^\s*sallyport-lint\b`, text)
	not {"file": file, "row": to_number(row)} in {object.remove(ignore, ["code"]) | some ignore in ignores}
	message := "this ignores nothing: a known rule and a reason are wanted"
}

# METADATA
# title: An ignore that is not needed
# description: What it silenced is no longer found.
# custom:
#   code: unused_ignore
#   level: warning
#   remedy: leave it out
complaints contains object.union(finding(rego.metadata.rule(), {"row": ignore.row, "col": 1}, message), {"file": ignore.file}) if {
	some ignore in ignores
	not is_needed(ignore)
	message := sprintf("%s is not found here", [ignore.code])
}

is_needed(ignore) if {
	some one in array.concat(input.found, [one | some one in together])
	covers(ignore, one)
}
