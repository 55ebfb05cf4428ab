package lint

# Where a call takes its pattern; the text is the other one of the first two.
pattern_at := {
	"regex.match": 0, "regex.split": 0, "regex.find_n": 0, "regex.find_all_string_submatch_n": 0, "regex.replace": 1,
	"data.sallyport.matches": 0, "data.sallyport.only": 0,
}

patterns contains {"text": text, "call": call} if {
	some call in calls
	term := call.args[pattern_at[call.name]]
	some text in texts_of(term)
}

texts_of(term) := {term.value} if term.type == "string"

texts_of(term) := assigned_texts(term.value) | listed_texts(term.value) if term.type == "var"

assigned_texts(name) := {value.value |
	some call in calls
	call.name in {"assign", "eq"}
	call.args[0] == {"type": "var", "value": name}
	value := call.args[1]
	value.type == "string"
}

listed_texts(name) := {value.value |
	some call in calls
	call.name == "internal.member_2"
	call.args[0] == {"type": "var", "value": name}
	call.args[1].type in {"set", "array"}
	some value in call.args[1].value
	value.type == "string"
}

# METADATA
# title: A pattern that RE2 cannot read
# description: The check reads patterns that stand in their call; this rule those that come from a variable, a list, a rule or the data.
# custom:
#   code: unreadable_pattern
#   level: error
#   remedy: "patterns are RE2: no look-around, no back-references (github.com/google/re2/wiki/Syntax)"
found contains finding(rego.metadata.rule(), pattern.call.at, message) if {
	some pattern in patterns
	not regex.is_valid(pattern.text)
	message := sprintf("%q is no pattern that can be read", [pattern.text])
}

# What is left of a pattern when escapes, classes and flags no longer hide what stands where.
skeleton(pattern) := plain if {
	escaped := regex.replace(pattern, `\\(?:[pP]\{[^}]*\}|.)`, "0")
	classed := regex.replace(escaped, `\[\^?\]?[^\]]*\]`, "0")
	named := regex.replace(classed, `\(\?P?<[^>]*>`, "(")
	grouped := regex.replace(named, `\(\?[a-zA-Z-]*:`, "(")
	plain := regex.replace(grouped, `\(\?[a-zA-Z-]+\)`, "")
}

has_flag(pattern, flag) if regex.match(sprintf(`\(\?[a-zA-Z]*%s`, [flag]), pattern)

# METADATA
# title: A pattern that nothing fits
# description: Nothing stands before the beginning of a text, nor behind its end.
# custom:
#   code: unreachable_pattern
#   level: error
#   remedy: "move the anchor to the beginning or end, escape it (`\\$`), or write (?m) where lines are meant"
found contains finding(rego.metadata.rule(), pattern.call.at, message) if {
	some pattern in patterns
	not has_flag(pattern.text, "m")
	plain := skeleton(pattern.text)
	regex.match(`\$[^|)*+?{$]|[^|(^]\^`, plain)
	message := sprintf("%q asks for something before the beginning or behind the end of a text", [pattern.text])
}

# METADATA
# title: Letters that are no longer there
# description: A text that was made lower or upper case has no letters of the other case.
# custom:
#   code: unreachable_case
#   level: error
#   remedy: write the letters as the text has them, or use (?i) on the text as it is
found contains finding(rego.metadata.rule(), call.at, message) if {
	some call in calls
	call.name in {"contains", "startswith", "endswith", "equal", "eq"}
	some side in [0, 1]
	some fold in folds(call.args[side])
	text := call.args[1 - side]
	text.type == "string"
	has_other_case(fold, text.value)
	message := sprintf("%q is never found in a text that went through %s", [text.value, fold])
}

# METADATA
# title: Letters that are no longer there
# description: As for texts, for patterns without (?i).
# custom:
#   code: unreachable_case
#   level: error
#   remedy: write the letters as the text has them, or use (?i) on the text as it is
found contains finding(rego.metadata.rule(), pattern.call.at, message) if {
	some pattern in patterns
	not has_flag(pattern.text, "i")
	some fold in folds(pattern.call.args[1 - pattern_at[pattern.call.name]])
	has_other_case(fold, skeleton(pattern.text))
	message := sprintf("%q is never found in a text that went through %s", [pattern.text, fold])
}

folds(term) := {fold |
	term.type == "call"
	fold := name_of(term.value[0])
	fold in {"lower", "upper"}
} | {fold |
	term.type == "var"
	some call in calls
	call.name in {"assign", "eq"}
	call.args[0] == term
	call.args[1].type == "call"
	fold := name_of(call.args[1].value[0])
	fold in {"lower", "upper"}
}

has_other_case("lower", text) if lower(text) != text

has_other_case("upper", text) if upper(text) != text

# METADATA
# title: A permitted form that fits anywhere
# description: "`not sallyport.only(…)` refuses what does not fit; without an anchor it is enough that a part of the text fits."
# custom:
#   code: unanchored_only
#   level: warning
#   remedy: "begin the pattern with ^ and end it with $, so that the whole text has to fit"
found contains finding(rego.metadata.rule(), call.at, message) if {
	not input.test
	some call in calls
	call.name == "data.sallyport.only"
	call.negated
	some text in texts_of(call.args[0])
	not regex.match(`^(?:\(\?[a-zA-Z-]+\))?(?:\((?:\?[a-zA-Z-]*:)?)*(?:\^|\\A)`, text)
	message := sprintf("it is enough that a part of the text fits %q", [text])
}
