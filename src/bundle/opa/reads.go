package main

import (
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Reads says which parts of the input the rules look at, as pointers: up to the first step that is not a literal, `*` for every
// element or member; "" is the whole of it. Members of `/findings/*` are those of any finding: how many have the same is not read.
type Reads struct {
	// Groups: a policy (not the library by itself) reads `actor.groups`.
	Groups bool `json:"groups"`
	// Input is all that is read.
	Input []string `json:"input"`
	// Sets has, by `<set>/<name>`, what each verdict set of a policy depends on.
	Sets map[string][]string `json:"sets"`
	// Roles is what the rules that give roles look at.
	Roles []string `json:"roles"`
	// Settled is what the decision depends on besides the sets.
	Settled []string `json:"settled"`
}

type pointers map[string]bool

func (p pointers) sorted() []string {
	return append([]string{}, util.KeysSorted(p)...)
}

func readsOf(compiler *ast.Compiler) Reads {
	all, policies, permission := pointers{}, pointers{}, pointers{}
	sets := map[string]pointers{}
	settled, roles := pointers{}, pointers{}
	unused := idle(compiler)
	for path, module := range compiler.Modules {
		if isTest(path) || isLogs(module) {
			continue
		}
		names := segments(module.Package.Path)
		isLibrary := len(names) == 1 && names[0] == "sallyport"
		for _, rule := range module.Rules {
			for branch := rule; branch != nil && !unused[rule]; branch = branch.Else {
				maps.Copy(all, ownReads(branch))
			}
			if len(names) > 0 && names[0] != "sallyport" && !unused[rule] {
				maps.Copy(policies, readsFrom(compiler, rule, nil))
			}
			switch name := ruleName(rule); {
			case isSet(rule):
				key := name + "/" + names[1]
				if sets[key] == nil {
					sets[key] = pointers{}
				}
				maps.Copy(sets[key], readsFrom(compiler, rule, nil))
			case isOfPolicy(rule) && isVerdict(name):
				maps.Copy(permission, readsFrom(compiler, rule, nil))
			case isOfPolicy(rule) && name == roleRule:
				maps.Copy(roles, readsFrom(compiler, rule, nil))
			case isLibrary && name == "decision":
				maps.Copy(settled, readsFrom(compiler, rule, isSet))
			}
		}
	}
	// A permission is asked about other messages than this one, and what a set says about those nobody has told.
	maps.Copy(settled, permission)
	maps.Copy(settled, handedOver(permission))
	maps.Copy(all, handedOver(permission))
	reads := Reads{Input: all.sorted(), Roles: roles.sorted(), Settled: settled.sorted(), Sets: map[string][]string{}}
	for name, set := range sets {
		reads.Sets[name] = set.sorted()
	}
	for pointer := range policies {
		reads.Groups = reads.Groups || pointer == "" || pointer == "/actor" || pointer == "/actor/groups" || strings.HasPrefix(pointer, "/actor/groups/")
	}
	return reads
}

func isOfPolicy(rule *ast.Rule) bool {
	names := segments(rule.Module.Package.Path)
	return len(names) == 2 && names[0] == "policies"
}

func isSet(rule *ast.Rule) bool {
	return isOfPolicy(rule) && verdicts[ruleName(rule)]
}

// readsFrom is what a rule and everything that it refers to reads; what `skip` names is not entered.
func readsFrom(compiler *ast.Compiler, root *ast.Rule, skip func(*ast.Rule) bool) pointers {
	found := pointers{}
	seen := map[*ast.Rule]bool{}
	var visit func(rule *ast.Rule)
	visit = func(rule *ast.Rule) {
		if seen[rule] || (skip != nil && skip(rule)) {
			return
		}
		seen[rule] = true
		maps.Copy(found, ownReads(rule))
		for next := range compiler.Graph.Dependencies(rule) {
			if rule, isRule := next.(*ast.Rule); isRule {
				visit(rule)
			}
		}
		// OPA's graph counts what an `else` refers to as the branch's own.
		if rule.Else != nil {
			visit(rule.Else)
		}
	}
	visit(root)
	return found
}

// handedOver: what a permission reads of a call is read of whatever the library puts in the place of that call, the request that is
// answered or an entry.
func handedOver(permission pointers) pointers {
	found := pointers{}
	for pointer := range permission {
		rest, isCall := strings.CutPrefix(pointer, "/message/call")
		switch {
		case isCall && (rest == "" || rest[0] == '/'):
			found["/request/call"+rest] = true
			found["/entries/*"+rest] = true
		case pointer == "/message":
			maps.Copy(found, pointers{"/message/call": true, "/request/call": true, "/entries": true})
		}
	}
	return found
}

// ownReads is what a rule reads by itself. A rule of the library that only hands something over to policies declares what is read
// of that in any case (`custom.reads`); the rest is what the policies read, and found there.
func ownReads(rule *ast.Rule) pointers {
	found := pointers{}
	if names := segments(rule.Module.Package.Path); len(names) > 0 && names[0] == "sallyport" {
		for _, note := range rule.Annotations {
			if declared, isList := note.Custom["reads"].([]any); isList {
				for _, pointer := range declared {
					found[pointer.(string)] = true
				}
				return found
			}
		}
	}
	for _, pointer := range inputsOf(rule) {
		found[pointer] = true
	}
	return found
}

func inputsOf(rule *ast.Rule) []string {
	var pointers []string
	members := elements(rule)
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch x := node.(type) {
		case *ast.Expr:
			variable, _, isElement := elementIn(x)
			if read, only := members[variable]; isElement && only {
				pointers = append(pointers, read...)
				return true
			}
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

// escape is made once: every reference of every rule is printed by it.
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// pointerOf is the part of a reference up to the first step that is known only when it is asked.
func pointerOf(ref ast.Ref) string {
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
