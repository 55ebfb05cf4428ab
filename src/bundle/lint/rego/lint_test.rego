package lint_test

# `data.fixtures` has, by name, sources as a gateway reads them: `{rules, comments, data}`. A comment `finds: <rule>` tells what is
# found in its line, `finds nowhere: <rule>` what has no line; whatever else is found is one too many.
import data.lint

looked_at(fixture) := [{"file": "x.rego", "of": result} |
	some asked in fixture.rules
	result := lint.rule with input as asked
]

found_in(fixture) := found if {
	looked := looked_at(fixture)
	asked := {
		"rules": [object.union(one.of.facts, {"file": one.file}) | some one in looked],
		"found": [object.union(finding, {"file": one.file}) | some one in looked; some finding in one.of.findings],
		"comments": {"x.rego": fixture.comments},
		"data": fixture.data,
	}
	found := lint.project with input as asked
}

wanted_in(fixture) := {[to_number(row), code] |
	some row, text in fixture.comments
	[[_, codes]] := regex.find_all_string_submatch_n(`finds: ([a-z_ ]+)`, text, 1)
	some code in split(codes, " ")
} | {[0, code] |
	some text in fixture.comments
	[[_, code]] := regex.find_all_string_submatch_n(`finds nowhere: ([a-z_]+)`, text, 1)
}

test_fixture[name] if {
	some name, fixture in data.fixtures
	wanted_in(fixture) == {[one.row, one.code] | some one in found_in(fixture)}
}
