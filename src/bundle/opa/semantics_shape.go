package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

var (
	policyName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	codeForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	ttlForm    = regexp.MustCompile(`^([1-9][0-9]{0,4})([smh])$`)
	tildes     = regexp.MustCompile(`~([^012]|$)`)
)

// allowedKeys of the objects in each set.
var allowedKeys = map[string][]string{
	"deny":             {"code", "message"},
	"require_approval": {"code", "message", "reviewers", "quorum", "ttl"},
	"risk":             {"code", "message", "points"},
	"mask":             {"code", "message", "path", "detector", "with", "must"},
}

func checkModule(report *report, path string, module *ast.Module, detectors []string) {
	names := segments(module.Package.Path)
	loc := module.Package.Location
	if len(names) != 2 || len(module.Package.Path) != 3 || names[0] != "policies" {
		report.add(loc, "package", fmt.Sprintf("package %s is not read by anything", strings.TrimPrefix(module.Package.Path.String(), "data.")),
			"name it `policies.<name>`, with exactly two segments (tests: `policies.<name>_test`); `system.log` says what decision logs leave out")
		return
	}
	name := names[1]
	if strings.HasSuffix(name, "_test") {
		checkTestModule(report, path, module)
		return
	}
	if isTest(path) {
		report.add(loc, "package", fmt.Sprintf("the file is a test by its name, but its package is policies.%s", name), "name the package `policies."+name+"_test`")
	}
	if name == helperPackage || !policyName.MatchString(name) {
		report.add(loc, "package", fmt.Sprintf("%q cannot be the name of a policy", name), "use letters, digits, `_`, `-` and `.`; `sallyport` is taken")
	}
	for _, rule := range module.Rules {
		for ; rule != nil; rule = rule.Else {
			checkVerdict(report, rule, detectors)
		}
	}
}

func checkTestModule(report *report, path string, module *ast.Module) {
	if !isTest(path) {
		report.add(module.Package.Location, "package", "the package is a test by its name, but the file is not", "end the file's name in `_test.rego`")
	}
	for _, rule := range module.Rules {
		name := ruleName(rule)
		if isVerdict(name) || name == roleRule {
			report.add(rule.Location, "verdict_in_test", fmt.Sprintf("%s is a verdict, and a test package may have none", name), "give the rule another name")
		}
	}
}

// ruleName is the first part of what a rule defines: `deny` of `deny contains x` and of `deny.x := y`.
func ruleName(rule *ast.Rule) string {
	ref := rule.Head.Ref()
	if len(ref) == 0 {
		return ""
	}
	name, isVar := ref[0].Value.(ast.Var)
	if !isVar {
		return ""
	}
	return string(name)
}

func checkVerdict(report *report, rule *ast.Rule, detectors []string) {
	name := ruleName(rule)
	if name == roleRule {
		checkRole(report, rule)
		return
	}
	isSet, isVerdict := verdicts[name]
	if !isVerdict {
		return
	}
	if len(rule.Head.Args) > 0 {
		report.add(rule.Location, "verdict_type", fmt.Sprintf("%s is a function, and nobody would call it", name), howToWrite(name))
		return
	}
	if len(rule.Head.Ref()) > 1 {
		report.add(rule.Location, "verdict_type", fmt.Sprintf("%s has members of its own, where one value is expected", name), howToWrite(name))
		return
	}
	multi := rule.Head.RuleKind() == ast.MultiValue
	switch {
	case isSet && !multi:
		report.add(rule.Location, "verdict_type", fmt.Sprintf("%s must be a set of objects", name), howToWrite(name))
	case !isSet && multi:
		report.add(rule.Location, "verdict_type", fmt.Sprintf("%s must be a boolean", name), howToWrite(name))
	case isSet:
		checkEntry(report, name, rule, detectors)
	default:
		checkBoolean(report, name, rule)
	}
}

func howToWrite(name string) string {
	switch name {
	case "deny":
		return "write `deny contains {\"code\": \"…\", \"message\": \"…\"} if { … }`"
	case "require_approval":
		return "write `require_approval contains {\"code\": \"…\", \"reviewers\": [\"…\"]} if { … }`"
	case "risk":
		return "write `risk contains {\"code\": \"…\", \"points\": 30} if { … }`"
	case "mask":
		return "write `mask contains {\"detector\": \"…\"} if { … }` or `mask contains {\"path\": \"/…\"} if { … }`"
	}
	return fmt.Sprintf("write `%s if { … }`", name)
}

func checkBoolean(report *report, name string, rule *ast.Rule) {
	switch rule.Head.Value.Value.(type) {
	case ast.Boolean, ast.Var, ast.Ref, ast.Call:
		return
	}
	report.add(rule.Location, "verdict_type", fmt.Sprintf("%s must be a boolean, and is %s", name, rule.Head.Value), howToWrite(name))
}

func checkEntry(report *report, set string, rule *ast.Rule, detectors []string) {
	object, isObject := rule.Head.Key.Value.(ast.Object)
	if !isObject {
		report.add(rule.Head.Key.Location, "verdict_type", fmt.Sprintf("what %s contains must be written as an object where the rule begins", set), howToWrite(set))
		return
	}
	fields := map[string]*ast.Term{}
	object.Foreach(func(key, value *ast.Term) {
		text, isText := key.Value.(ast.String)
		if !isText || !slices.Contains(allowedKeys[set], string(text)) {
			report.add(key.Location, "verdict_key", fmt.Sprintf("%s has no key %s", set, key), "use "+strings.Join(allowedKeys[set], ", "))
			return
		}
		fields[string(text)] = value
	})
	e := entry{report, set, rule.Head.Key.Location, fields}
	e.checkCode()
	e.checkText("message")
	switch set {
	case "require_approval":
		e.checkReviewers()
		e.checkQuorum()
		e.checkTTL()
	case "risk":
		e.checkPoints()
	case "mask":
		e.checkMask(detectors)
	}
}

type entry struct {
	report *report
	set    string
	loc    *ast.Location
	fields map[string]*ast.Term
}

func (e entry) refuse(term *ast.Term, code, message, remedy string) {
	loc := e.loc
	if term != nil && term.Location != nil {
		loc = term.Location
	}
	e.report.add(loc, code, message, remedy)
}

// isKnown is false for what is only known when the rule is asked; the library looks at that then.
func isKnown(term *ast.Term) bool {
	switch term.Value.(type) {
	case ast.Var, ast.Ref, ast.Call, *ast.TemplateString:
		return false
	}
	return true
}

func (e entry) checkCode() {
	term, present := e.fields["code"]
	if !present {
		if e.set != "mask" {
			e.refuse(nil, "verdict_code", fmt.Sprintf("an entry of %s needs a code", e.set), "add `\"code\": \"…\"`")
		}
		return
	}
	text, isText := term.Value.(ast.String)
	if !isText || !codeForm.MatchString(string(text)) {
		e.refuse(term, "verdict_code", fmt.Sprintf("the code of %s must be a literal of letters, digits, `_`, `-` and `.`", e.set),
			"write the code out; what differs from case to case belongs in the message")
	}
}

func (e entry) checkText(key string) {
	term, present := e.fields[key]
	if !present || !isKnown(term) {
		return
	}
	if _, isText := term.Value.(ast.String); !isText {
		e.refuse(term, "verdict_value", fmt.Sprintf("the %s of %s must be a string", key, e.set), "write it in quotes, or build it with sprintf")
	}
}

func (e entry) checkReviewers() {
	term, present := e.fields["reviewers"]
	if present && !isKnown(term) {
		return
	}
	remedy := "name the groups: `\"reviewers\": [\"oncall\"]`"
	if !present {
		e.refuse(nil, "reviewers", "require_approval needs reviewers: nobody could ever approve", remedy)
		return
	}
	array, isArray := term.Value.(*ast.Array)
	if !isArray || array.Len() == 0 {
		e.refuse(term, "reviewers", "reviewers must be a non-empty array of group names", remedy)
		return
	}
	array.Foreach(func(name *ast.Term) {
		text, isText := name.Value.(ast.String)
		if isKnown(name) && (!isText || text == "") {
			e.refuse(name, "reviewers", fmt.Sprintf("%s is not the name of a group", name), remedy)
		}
	})
}

func (e entry) checkQuorum() {
	term, present := e.fields["quorum"]
	if !present || !isKnown(term) {
		return
	}
	number, isNumber := term.Value.(ast.Number)
	count, isWhole := number.Int64()
	if !isNumber || !isWhole || count < 1 {
		e.refuse(term, "quorum", "the quorum must be a whole number of 1 or more", "write `\"quorum\": 1`, or leave it out")
	}
}

func (e entry) checkTTL() {
	term, present := e.fields["ttl"]
	if !present || !isKnown(term) {
		return
	}
	text, _ := term.Value.(ast.String)
	parts := ttlForm.FindStringSubmatch(string(text))
	if parts != nil {
		count, _ := strconv.Atoi(parts[1])
		if count*map[string]int{"s": 1, "m": 60, "h": 3600}[parts[2]] <= 24*3600 {
			return
		}
	}
	e.refuse(term, "ttl", "the ttl must be a number of seconds, minutes or hours, up to 24h", "write `\"ttl\": \"15m\"`, or leave it out")
}

func (e entry) checkPoints() {
	term, present := e.fields["points"]
	if present && !isKnown(term) {
		return
	}
	if present {
		if number, isNumber := term.Value.(ast.Number); isNumber {
			if float, exact := number.Float64(); exact && float >= 0 {
				return
			}
		}
	}
	e.refuse(term, "points", "risk needs points, a number of 0 or more", "write `\"points\": 30`")
}

func (e entry) checkMask(detectors []string) {
	path, hasPath := e.fields["path"]
	detector, hasDetector := e.fields["detector"]
	if !hasPath && !hasDetector {
		e.refuse(nil, "mask_place", "a mask needs a path or a detector", howToWrite("mask"))
	}
	if hasPath && isKnown(path) {
		text, isText := path.Value.(ast.String)
		if !isText || !isPointer(string(text)) || (text == "" && !hasDetector) {
			e.refuse(path, "mask_path", fmt.Sprintf("%s is no JSON Pointer into the body", path),
				"begin with `/`; `*` is every element, `**` any depth, `~0` a tilde, `~1` a slash, `~2` a literal `*`")
		}
	}
	if hasDetector && isKnown(detector) {
		text, isText := detector.Value.(ast.String)
		if !isText || !slices.Contains(detectors, string(text)) {
			e.refuse(detector, "detector", fmt.Sprintf("%s is no detector of this gateway", detector), "there are: "+strings.Join(detectors, ", "))
		}
	}
	if must, present := e.fields["must"]; present && isKnown(must) {
		if _, isBoolean := must.Value.(ast.Boolean); !isBoolean {
			e.refuse(must, "verdict_value", "must is true or false", "write `\"must\": true`, or leave it out")
		}
	}
	if with, present := e.fields["with"]; present && isKnown(with) {
		switch with.Value.(type) {
		case ast.String, ast.Number, ast.Boolean, ast.Null:
		default:
			e.refuse(with, "verdict_value", "with must be a string, a number, true, false or null", "write `\"with\": \"[MASKED]\"`, or leave it out")
		}
	}
}

// isPointer: RFC 6901 section 3, with `~2`.
func isPointer(path string) bool {
	return path == "" || (strings.HasPrefix(path, "/") && !tildes.MatchString(path))
}
