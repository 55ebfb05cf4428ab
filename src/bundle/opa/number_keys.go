package main

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// numberKeys are references that take a number for the name of a member of data: OPA's own evaluator finds the member, the
// engine that judges does not.
func numberKeys(module *ast.Module, data map[string]any) []Problem {
	var problems []Problem
	ast.WalkRefs(module, func(ref ast.Ref) bool {
		if !ref.HasPrefix(ast.DefaultRootRef) {
			return false
		}
		var node any = data
		for _, step := range ref[1:] {
			object, isObject := node.(map[string]any)
			if !isObject {
				return false
			}
			switch key := step.Value.(type) {
			case ast.String:
				node = object[string(key)]
			case ast.Number:
				message := fmt.Sprintf("%v looks for a member of data by a number", ref)
				problems = append(problems, problemAt(step.Location, "number_key", message, fmt.Sprintf("write its name as text: %q", key.String())))
				return false
			default:
				return false
			}
		}
		return false
	})
	return problems
}
