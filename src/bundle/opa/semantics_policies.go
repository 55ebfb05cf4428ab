package main

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// policies are the rules of a source by the reference that reaches them, with their names resolved.
type policies struct {
	modules map[string]*ast.Module
	rules   map[string][]*ast.Rule
	homes   map[*ast.Rule]string
}

func newPolicies(resolved, own map[string]*ast.Module) *policies {
	p := &policies{modules: map[string]*ast.Module{}, rules: map[string][]*ast.Rule{}, homes: map[*ast.Rule]string{}}
	for path, module := range resolved {
		if _, isOwn := own[path]; !isOwn || isTest(path) {
			continue
		}
		p.modules[path] = module
		home := strings.Join(segments(module.Package.Path), "/")
		for _, rule := range module.Rules {
			key := home + "/" + ruleName(rule)
			p.rules[key] = append(p.rules[key], rule)
			p.homes[rule] = home
		}
	}
	return p
}

func (p *policies) paths() []string {
	return slices.Sorted(keysOf(p.modules))
}

// rulesAt are the rules that a reference reads: those of one name, or of every name that its variables can stand for.
func (p *policies) rulesAt(ref ast.Ref) []*ast.Rule {
	steps := make([]string, 0, 3)
	for _, term := range ref[1:min(len(ref), 4)] {
		text, isText := term.Value.(ast.String)
		if !isText {
			steps = append(steps, "*")
			continue
		}
		steps = append(steps, string(text))
	}
	if len(steps) == 3 && !slices.Contains(steps, "*") {
		return p.rules[strings.Join(steps, "/")]
	}
	var found []*ast.Rule
	for _, key := range slices.Sorted(keysOf(p.rules)) {
		parts := strings.SplitN(key, "/", 3)
		fits := true
		for at, step := range steps {
			fits = fits && (step == "*" || step == parts[at])
		}
		if fits {
			found = append(found, p.rules[key]...)
		}
	}
	return found
}

// roots are the verdicts, each with its name.
func (p *policies) roots(visit func(name string, rule *ast.Rule)) {
	for _, path := range p.paths() {
		for _, rule := range p.modules[path].Rules {
			if name := ruleName(rule); isVerdict(name) {
				visit(name, rule)
			}
		}
	}
}

func isVerdict(name string) bool {
	_, known := verdicts[name]
	return known
}

// isPolicyRef tells references into the rules of policies from all others.
func isPolicyRef(ref ast.Ref) bool {
	return len(ref) > 1 && ref[0].Equal(ast.DefaultRootDocument) && (ref[1].Equal(ast.StringTerm("policies")) || !isText(ref[1]))
}

func isText(term *ast.Term) bool {
	_, is := term.Value.(ast.String)
	return is
}

// helperOf is the name of the library's function that a reference means, if it is one.
func helperOf(ref ast.Ref) (string, bool) {
	if len(ref) < 2 || !ref[0].Equal(ast.DefaultRootDocument) || !ref[1].Equal(ast.StringTerm(helperPackage)) {
		return "", false
	}
	if len(ref) < 3 {
		return "", true
	}
	name, _ := ref[2].Value.(ast.String)
	return string(name), true
}

// operator is the function that a call names, and its arguments.
func operator(call ast.Call) (ast.Ref, []*ast.Term) {
	ref, _ := call[0].Value.(ast.Ref)
	return ref, call[1:]
}
