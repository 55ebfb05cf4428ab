package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// functionKeys are references by which rules are gone through one by one where one of them is a function: OPA's own evaluator passes
// functions over, but the module is built to call them with nothing, and no engine takes it. `library` is not looked at: what it goes
// through are verdicts, which are no functions.
func functionKeys(compiler *ast.Compiler, library []string) []Problem {
	f := &functionsFound{compiler: compiler}
	for path, module := range compiler.Modules {
		if slices.Contains(library, path) {
			continue
		}
		for _, rule := range module.Rules {
			for ; rule != nil; rule = rule.Else {
				known := map[ast.Var]bool{}
				for _, argument := range rule.Head.Args {
					learn(argument, known)
				}
				f.body(rule.Body, known)
			}
		}
	}
	return sorted(f.problems)
}

type functionsFound struct {
	compiler *ast.Compiler
	problems []Problem
}

func learn(node any, known map[ast.Var]bool) {
	ast.WalkVars(node, func(name ast.Var) bool {
		known[name] = true
		return false
	})
}

// body goes through conditions in the order in which they are asked: what an earlier one found, a later one only looks up.
func (f *functionsFound) body(body ast.Body, known map[ast.Var]bool) {
	for _, expr := range body {
		ast.NewGenericVisitor(func(node any) bool {
			switch x := node.(type) {
			case *ast.Every:
				inner := maps.Clone(known)
				for name := range x.KeyValueVars() {
					inner[name] = true
				}
				f.body(x.Body, inner)
				return true
			case ast.Body:
				f.body(x, maps.Clone(known))
				return true
			case ast.Ref:
				f.ref(x, expr.Location, known)
			}
			return false
		}).Walk(expr)
		learn(expr, known)
	}
}

func (f *functionsFound) ref(ref ast.Ref, loc *ast.Location, known map[ast.Var]bool) {
	defer learn(ref, known)
	if ref.IsGround() || !ref.HasPrefix(ast.DefaultRootRef) {
		return
	}
	found := f.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true})
	deepest := 0
	for _, rule := range found {
		deepest = max(deepest, depthOf(rule))
	}
	for _, rule := range found {
		depth := depthOf(rule)
		if len(rule.Head.Args) == 0 || depth > len(ref) {
			continue
		}
		// What is known is looked up, but only where all that it may name stands at the same depth.
		goneThrough := slices.IndexFunc(ref[:depth], func(step *ast.Term) bool {
			name, isVar := step.Value.(ast.Var)
			return isVar && !step.Equal(ast.DefaultRootDocument) && (!known[name] || depth < deepest)
		})
		if goneThrough < 0 {
			continue
		}
		message := fmt.Sprintf("this goes through all that is at %s, and %s is a function", asWritten.Replace(ref[:goneThrough].String()), asWritten.Replace(rule.Ref().String()))
		problem := problemAt(loc, "function_key", message, "keep the function in another package, or write out the names of the rules that are meant")
		if !slices.Contains(f.problems, problem) {
			f.problems = append(f.problems, problem)
		}
		return
	}
}

// depthOf is where a rule stands: keys that are only known when it is asked stand in its value.
func depthOf(rule *ast.Rule) int {
	return len(rule.Ref().StringPrefix())
}
