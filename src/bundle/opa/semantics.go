package main

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

const helperPackage = "sallyport"

// verdicts are the names that the library looks for in a policy; true for those that are sets.
var verdicts = map[string]bool{
	"allow": false, "allow_server": false, "allow_other": false,
	"deny": true, "require_approval": true, "risk": true, "mask": true,
}

// CheckSemantics says where a source that compiles would not mean what it seems to mean. Modules of package sallyport are not
// looked at: whoever calls hands in the gateway's own copy and no other.
func CheckSemantics(_ *ast.Compiler, parsed map[string]*ast.Module, data map[string]any, options SemanticsOptions) []Problem {
	report := &report{}
	own, aside := map[string]*ast.Module{}, map[string]*ast.Module{}
	for path, module := range parsed {
		switch {
		case slices.Contains(options.Library, path) || isLibrary(module):
		case isOfLogs(module):
			aside[path] = module
		default:
			own[path] = module
		}
	}
	checkData(report, data)
	for _, path := range slices.Sorted(keysOf(aside)) {
		checkLogModule(report, path, aside[path])
		checkKeywords(report, path, aside[path])
	}
	for _, path := range slices.Sorted(keysOf(own)) {
		checkModule(report, path, own[path], options.detectors())
		checkKeywords(report, path, own[path])
	}
	resolved, problem := resolve(parsed)
	if problem != nil {
		return append(report.problems, *problem)
	}
	policies := newPolicies(resolved, own)
	checkLogs(report, newPolicies(resolved, aside), policies)
	checkReach(report, policies)
	checkSilence(report, policies, data)
	return report.problems
}

func (o SemanticsOptions) detectors() []string {
	if len(o.Detectors) > 0 {
		return o.Detectors
	}
	return []string{"card_number", "us_ssn", "email", "private_key", "api_key", "jwt"}
}

func isLibrary(module *ast.Module) bool {
	names := segments(module.Package.Path)
	return len(names) == 1 && (names[0] == helperPackage || names[0] == helperPackage+"_test")
}

// resolve stops OPA's compiler where every name is a full reference and nothing else has been rewritten: `not` still stands
// where its author wrote it.
func resolve(parsed map[string]*ast.Module) (map[string]*ast.Module, *Problem) {
	resolved := map[string]*ast.Module{}
	stop := ast.NewError("stop", nil, "far enough")
	compiler := ast.NewCompiler().WithEnablePrintStatements(true).SetErrorLimit(0).WithStageAfterID(ast.StageResolveRefs, ast.CompilerStageDefinition{
		Name:       "Semantics",
		MetricName: "semantics",
		Stage: func(c *ast.Compiler) *ast.Error {
			for path, module := range c.Modules {
				resolved[path] = module.Copy()
			}
			return stop
		},
	})
	compiler.Compile(parsed)
	if len(resolved) == len(parsed) {
		return resolved, nil
	}
	return nil, &Problem{Code: "unresolved", Message: fmt.Sprintf("the names in the source cannot be resolved: %v", compiler.Errors)}
}

type report struct {
	problems []Problem
}

func (r *report) add(loc *ast.Location, code, message, remedy string) {
	problem := problemAt(loc, code, message, remedy)
	if !slices.Contains(r.problems, problem) {
		r.problems = append(r.problems, problem)
	}
}
