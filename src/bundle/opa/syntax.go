package main

import (
	"encoding/json"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	astjson "github.com/open-policy-agent/opa/v1/ast/json"
)

// syntaxOf is the tree of each of the source's own modules, tests too, with every name a full reference and with the places of
// rules, conditions and comments.
func (r *Request) syntaxOf(parsed map[string]*ast.Module) (map[string]json.RawMessage, []Problem) {
	resolved, problem := resolve(parsed)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	plain := astjson.GetOptions()
	defer astjson.SetOptions(plain)
	astjson.SetOptions(astjson.Options{MarshalOptions: astjson.MarshalOptions{
		IncludeLocation:     astjson.NodeToggle{Rule: true, Expr: true, Comment: true, Package: true},
		ExcludeLocationFile: true,
	}})
	trees := map[string]json.RawMessage{}
	for path, module := range resolved {
		if slices.Contains(r.Semantics.Library, path) {
			continue
		}
		text, err := json.Marshal(module)
		if err != nil {
			return nil, problemsOf(err)
		}
		trees[path] = text
	}
	return trees, nil
}

// unformatted are the source's own modules that `opa fmt` would write otherwise.
func (r *Request) unformatted() ([]string, []Problem) {
	own := *r
	own.Modules = map[string]string{}
	for path, text := range r.Modules {
		if !slices.Contains(r.Semantics.Library, path) {
			own.Modules[path] = text
		}
	}
	texts, problems := own.formatted()
	paths := []string{}
	for _, path := range own.paths() {
		if text, found := texts[path]; found && text != own.Modules[path] {
			paths = append(paths, path)
		}
	}
	return paths, problems
}
