package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// logPackage is where OPA looks for what its decision logs leave out. Those rules are asked about events of the log and never
// judge: no module of it is built into what judges.
const logPackage = "system/log"

// logRules are the rules that are asked there; true for those that are sets.
var logRules = map[string]bool{"drop": false, "mask": true}

// forLogs are the functions of the library that look at nothing but their arguments.
var forLogs = []string{"at", "exceeds", "hour", "items", "matches", "only", "size", "within"}

// logRoots are the parts of an event that a mask may change.
var logRoots = []string{"input", "result", "nd_builtin_cache"}

func homeOf(module *ast.Module) string {
	return strings.Join(segments(module.Package.Path), "/")
}

func isLogs(module *ast.Module) bool {
	return homeOf(module) == logPackage
}

func isOfLogs(module *ast.Module) bool {
	return isLogs(module) || homeOf(module) == logPackage+"_test"
}

// logPaths are the modules about decision logs, and those of the library that they may call.
func (r *Request) logPaths(parsed map[string]*ast.Module) []string {
	var paths []string
	for _, path := range r.paths() {
		if !isTest(path) && (isLogs(parsed[path]) || isLibrary(parsed[path])) {
			paths = append(paths, path)
		}
	}
	return paths
}

// logEntrypoints are the rules about decision logs that a source has.
func logEntrypoints(parsed map[string]*ast.Module) []string {
	var found []string
	for path, module := range parsed {
		if isTest(path) || !isLogs(module) {
			continue
		}
		for _, rule := range module.Rules {
			if name := ruleName(rule); slices.Contains([]string{"drop", "mask"}, name) {
				found = append(found, logPackage+"/"+name)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(found)))
}

// LogResult is a module that is asked about events of the log.
type LogResult struct {
	Wasm        []byte   `json:"wasm"`
	Entrypoints []string `json:"entrypoints"`
}

func (r *Request) assembleLogs(parsed map[string]*ast.Module, entrypoints []string) (*LogResult, []Problem) {
	built, problems := r.translate(parsed, r.logPaths(parsed), entrypoints)
	if len(problems) > 0 {
		return nil, problems
	}
	return &LogResult{Wasm: built.WasmModules[0].Raw, Entrypoints: entrypoints}, nil
}

// withEventSchema has the input of these packages checked as an event of the log, which holds the question that everything else is
// asked: an annotation of a package above them, as their author could have written it.
func (r *Request) withEventSchema(parsed map[string]*ast.Module) map[string]*ast.Module {
	if r.Schemas["input"] == nil || r.Schemas["decision_log"] == nil || !slices.ContainsFunc(r.paths(), func(path string) bool { return parsed[path] != nil && isOfLogs(parsed[path]) }) {
		return parsed
	}
	text := "# METADATA\n# scope: subpackages\n# schemas:\n#   - input: schema.decision_log\npackage system\n"
	all := map[string]*ast.Module{"system.rego": ast.MustParseModuleWithOpts(text, r.parserOptions())}
	for path, module := range parsed {
		all[path] = module
	}
	return all
}

// checkLogModule looks at how the rules about decision logs are written.
func checkLogModule(report *report, path string, module *ast.Module) {
	loc := module.Package.Location
	switch {
	case !isLogs(module) && !isTest(path):
		report.add(loc, "package", "the package is a test by its name, but the file is not", "end the file's name in `_test.rego`")
	case isLogs(module) && isTest(path):
		report.add(loc, "package", "the file is a test by its name, but its package is system.log", "name the package `system.log_test`")
	case isLogs(module):
		for _, rule := range module.Rules {
			for ; rule != nil; rule = rule.Else {
				checkLogRule(report, rule)
			}
		}
	}
}

func howToLog(name string) string {
	if name == "mask" {
		return "write `mask contains \"/input/…\" if { … }` or `mask contains {\"op\": \"upsert\", \"path\": \"/input/…\", \"value\": …} if { … }`"
	}
	return "write `drop if { … }`"
}

func checkLogRule(report *report, rule *ast.Rule) {
	name := ruleName(rule)
	isSet, isAsked := logRules[name]
	if !isAsked {
		return
	}
	multi := rule.Head.RuleKind() == ast.MultiValue
	switch {
	case len(rule.Head.Args) > 0:
		report.add(rule.Location, "log_type", fmt.Sprintf("%s is a function, and nobody would call it", name), howToLog(name))
	case len(rule.Head.Ref()) > 1:
		report.add(rule.Location, "log_type", fmt.Sprintf("%s has members of its own, where one value is expected", name), howToLog(name))
	case isSet && !multi:
		report.add(rule.Location, "log_type", "mask must be a set, so that it says something whatever holds", howToLog(name))
	case !isSet && multi:
		report.add(rule.Location, "log_type", "drop must be a boolean", howToLog(name))
	case isSet:
		checkLogMask(report, rule.Head.Key)
	default:
		switch rule.Head.Value.Value.(type) {
		case ast.Boolean, ast.Var, ast.Ref, ast.Call:
		default:
			report.add(rule.Location, "log_type", fmt.Sprintf("drop must be a boolean, and is %s", rule.Head.Value), howToLog(name))
		}
	}
}

func checkLogMask(report *report, key *ast.Term) {
	if !isKnown(key) {
		return
	}
	refuse := func(term *ast.Term, message string) {
		loc := term.Location
		if loc == nil {
			loc = key.Location
		}
		report.add(loc, "log_mask", message, howToLog("mask"))
	}
	if _, isText := key.Value.(ast.String); isText {
		checkLogPath(refuse, key)
		return
	}
	object, isObject := key.Value.(ast.Object)
	if !isObject {
		refuse(key, fmt.Sprintf("a mask is a path or an object, and not %s", key))
		return
	}
	fields := map[string]*ast.Term{}
	object.Foreach(func(name, value *ast.Term) {
		text, isText := name.Value.(ast.String)
		if !isText || !slices.Contains([]string{"op", "path", "value"}, string(text)) {
			refuse(name, fmt.Sprintf("a mask has no key %s", name))
			return
		}
		fields[string(text)] = value
	})
	op, path := fields["op"], fields["path"]
	if op == nil || path == nil {
		refuse(key, "a mask that is an object needs op and path")
		return
	}
	if text, isText := op.Value.(ast.String); isKnown(op) && (!isText || (text != "remove" && text != "upsert")) {
		refuse(op, fmt.Sprintf("op is remove or upsert, and not %s", op))
	}
	if isKnown(path) {
		checkLogPath(refuse, path)
	}
}

func checkLogPath(refuse func(*ast.Term, string), path *ast.Term) {
	text, _ := path.Value.(ast.String)
	root, _, _ := strings.Cut(strings.TrimPrefix(string(text), "/"), "/")
	if !strings.HasPrefix(string(text), "/") || !slices.Contains(logRoots, root) {
		refuse(path, fmt.Sprintf("%s is no place below /input or /result", path))
	}
}

// checkLogs holds what is asked about decision logs and what judges apart: neither refers to the other.
func checkLogs(report *report, logs, judging *policies) {
	reached := map[*ast.Rule]bool{}
	var visit func(rule *ast.Rule)
	visit = func(rule *ast.Rule) {
		for branch := rule; branch != nil && !reached[branch]; branch = branch.Else {
			reached[branch] = true
			refsOf(branch, func(ref ast.Ref, _ *ast.Location) {
				if reaches(ref, "system") {
					for _, next := range logs.rulesAt(ref) {
						visit(next)
					}
				}
			})
		}
	}
	for _, path := range logs.paths() {
		for _, rule := range logs.modules[path].Rules {
			if _, isAsked := logRules[ruleName(rule)]; isAsked {
				visit(rule)
			}
		}
	}
	for _, path := range logs.paths() {
		for _, rule := range logs.modules[path].Rules {
			if !reached[rule] {
				report.add(rule.Location, "unused_rule", fmt.Sprintf("%s is neither drop nor mask, and neither refers to it", ruleName(rule)), "refer to the rule from one, or leave it out")
			}
			refsOf(rule, func(ref ast.Ref, loc *ast.Location) { checkLogReads(report, ref, loc) })
		}
	}
	for _, path := range judging.paths() {
		for _, rule := range judging.modules[path].Rules {
			refsOf(rule, func(ref ast.Ref, loc *ast.Location) {
				if reaches(ref, "system") && (len(logs.modules) > 0 || (len(ref) > 1 && isText(ref[1]))) {
					report.add(loc, "log_reached", fmt.Sprintf("%s would reach what is said about decision logs, which judges nothing", ref), "keep what both need in data of another name")
				}
			})
		}
	}
}

func checkLogReads(report *report, ref ast.Ref, loc *ast.Location) {
	name, isHelper := helperOf(ref)
	switch {
	case isHelper && !slices.Contains(forLogs, name):
		report.add(loc, "log_reads", fmt.Sprintf("%s looks at a message, and the input of system.log is an event of the log", ref), "look at input.input, the question, and input.result, the decision; of the library use sallyport."+strings.Join(forLogs, ", sallyport."))
	case !isHelper && isPolicyRef(ref) && isText(ref[1]):
		report.add(loc, "log_reads", fmt.Sprintf("%s is asked about messages, and the input of system.log is an event of the log", ref), "look at input.result, the decision")
	}
}

// reaches: the reference may lead below data.<name>, also because nobody knows where it leads.
func reaches(ref ast.Ref, name string) bool {
	if !ref[0].Equal(ast.DefaultRootDocument) {
		return false
	}
	return len(ref) == 1 || !isText(ref[1]) || ref[1].Equal(ast.StringTerm(name))
}

// refsOf visits every reference, and `data` as a whole as one.
func refsOf(node any, visit func(ref ast.Ref, loc *ast.Location)) {
	ast.WalkTerms(node, func(term *ast.Term) bool {
		switch x := term.Value.(type) {
		case ast.Ref:
			visit(x, term.Location)
			for _, step := range x[1:] {
				refsOf(step, visit)
			}
			return true
		case ast.Var:
			if x.Equal(ast.DefaultRootDocument.Value) {
				visit(ast.Ref{term}, term.Location)
			}
		}
		return false
	})
}
