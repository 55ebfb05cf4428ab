package main

import "github.com/open-policy-agent/opa/v1/ast"

// idle are the rules of the library that no decision comes to, such as helpers that no policy calls, and those of policies that
// only give roles: what they read no decision depends on.
// The compiler's graph has every rule that a reference can mean, also where a step of it is known only when it is asked.
func idle(compiler *ast.Compiler) map[*ast.Rule]bool {
	reached := map[*ast.Rule]bool{}
	var visit func(rule *ast.Rule)
	visit = func(rule *ast.Rule) {
		for branch := rule; branch != nil; branch = branch.Else {
			if reached[branch] {
				continue
			}
			reached[branch] = true
			for next := range compiler.Graph.Dependencies(branch) {
				if dependency, isRule := next.(*ast.Rule); isRule {
					visit(dependency)
				}
			}
		}
	}
	aside := ofRoles(compiler)
	var library []*ast.Rule
	decides := false
	for path, module := range compiler.Modules {
		if isTest(path) || isLogs(module) {
			continue
		}
		names := segments(module.Package.Path)
		isLibrary := len(names) == 1 && names[0] == "sallyport"
		for _, rule := range module.Rules {
			name := ruleName(rule)
			decides = decides || (isLibrary && name == "decision")
			if isLibrary && name != "decision" && name != "varying" {
				library = append(library, rule)
			} else if !aside[rule] {
				visit(rule)
			}
		}
	}
	left := map[*ast.Rule]bool{}
	for _, rule := range library {
		if decides && !reached[rule] {
			left[rule] = true
		}
	}
	for rule := range aside {
		left[rule] = true
	}
	return left
}
