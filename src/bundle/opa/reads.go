package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Reads says which parts of the input the rules look at.
type Reads struct {
	// Groups: a policy (not the library by itself) reads `actor.groups`.
	Groups bool `json:"groups"`
	// Input are the pointers of all that is read of the input, up to the first step that is not a literal; "" is the whole of it.
	Input []string `json:"input"`
}

func readsOf(compiler *ast.Compiler) Reads {
	reads := Reads{Input: []string{}}
	pointers := map[string]bool{}
	for path, module := range compiler.Modules {
		if isTest(path) {
			continue
		}
		ast.WalkRules(module, func(rule *ast.Rule) bool {
			for _, pointer := range inputsOf(rule) {
				pointers[pointer] = true
			}
			return false
		})
	}
	reads.Input = append(reads.Input, util.KeysSorted(pointers)...)
	for rule := range reachable(compiler) {
		for _, pointer := range inputsOf(rule) {
			reads.Groups = reads.Groups || pointer == "" || pointer == "/actor" || pointer == "/actor/groups" || strings.HasPrefix(pointer, "/actor/groups/")
		}
	}
	return reads
}

// reachable are the rules of policies and everything they refer to.
func reachable(compiler *ast.Compiler) map[*ast.Rule]bool {
	found := map[*ast.Rule]bool{}
	var visit func(rule *ast.Rule)
	visit = func(rule *ast.Rule) {
		if found[rule] {
			return
		}
		found[rule] = true
		for next := range compiler.Graph.Dependencies(rule) {
			if rule, isRule := next.(*ast.Rule); isRule {
				visit(rule)
			}
		}
	}
	for path, module := range compiler.Modules {
		if names := segments(module.Package.Path); isTest(path) || len(names) == 0 || names[0] == "sallyport" {
			continue
		}
		for _, rule := range module.Rules {
			visit(rule)
		}
	}
	return found
}

func inputsOf(rule *ast.Rule) []string {
	var pointers []string
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch x := node.(type) {
		case *ast.With:
			// What is replaced is not read.
			visitor.Walk(x.Value)
			return true
		case ast.Ref:
			if x[0].Equal(ast.InputRootDocument) {
				pointers = append(pointers, pointerOf(x))
				// What stands inside the brackets may read the input again.
				for _, term := range x[1:] {
					visitor.Walk(term)
				}
				return true
			}
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				pointers = append(pointers, "")
			}
		}
		return false
	})
	visitor.Walk(rule)
	return pointers
}

// pointerOf is the part of a reference up to the first step that is known only when it is asked.
func pointerOf(ref ast.Ref) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	pointer := ""
	for _, term := range ref[1:] {
		name, isText := term.Value.(ast.String)
		if !isText {
			break
		}
		pointer += "/" + escape.Replace(string(name))
	}
	return pointer
}
