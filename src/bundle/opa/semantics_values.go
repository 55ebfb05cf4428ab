package main

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// of says how far a term can be relied on.
func (s *silence) of(term *ast.Term, scope scope) value {
	switch x := term.Value.(type) {
	case ast.Var:
		if x.Equal(ast.InputRootDocument.Value) {
			return placeAt("", "input")
		}
		return scope.vars[x]
	case ast.Ref:
		return s.ofRef(x, scope)
	case ast.Call:
		return s.ofCall(x, scope)
	case *ast.Array:
		worst := value{}
		x.Foreach(func(element *ast.Term) { worst = worse(worst, plain(s.of(element, scope))) })
		return worst
	case ast.Set:
		worst := value{}
		x.Foreach(func(element *ast.Term) { worst = worse(worst, plain(s.of(element, scope))) })
		return worst
	case ast.Object:
		worst := value{}
		x.Foreach(func(_, element *ast.Term) { worst = worse(worst, plain(s.of(element, scope))) })
		return worst
	case *ast.ArrayComprehension:
		return s.ofComprehension(x.Term, x.Body, scope)
	case *ast.SetComprehension:
		return s.ofComprehension(x.Term, x.Body, scope)
	case *ast.ObjectComprehension:
		return s.ofComprehension(x.Value, x.Body, scope)
	}
	return value{}
}

// plain forgets which place a value came from.
func plain(v value) value {
	return value{taint: v.taint, shown: v.shown, noData: v.noData}
}

func (s *silence) ofComprehension(term *ast.Term, body ast.Body, outer scope) value {
	inner := outer.inner()
	for _, expr := range body {
		s.bind(expr, inner)
	}
	if s.of(term, inner).taint == clean {
		return value{}
	}
	return value{taint: odd, shown: term.String(), collection: true}
}

func (c scope) inner() scope {
	vars := map[ast.Var]value{}
	for name, v := range c.vars {
		vars[name] = v
	}
	return scope{vars, c.negative}
}

func (s *silence) ofRef(ref ast.Ref, scope scope) value {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		return placeAt("", "").below(ref[1:], ref.String())
	case isPolicyRef(ref):
		worst := value{}
		for _, rule := range s.policies.rulesAt(ref) {
			worst = worse(worst, s.ofRule(rule))
		}
		if len(ref) > 3 {
			return worst.below(ref[3:], ref.String())
		}
		return worst
	case ref[0].Equal(ast.DefaultRootDocument):
		if _, isHelper := helperOf(ref); !isHelper && !s.inData(ref) {
			return value{taint: open, shown: ref.String(), noData: true}
		}
		return value{}
	}
	if name, isVar := ref[0].Value.(ast.Var); isVar {
		return scope.vars[name].below(ref[1:], ref.String())
	}
	if call, isCall := ref[0].Value.(ast.Call); isCall {
		return s.ofCall(call, scope).below(ref[1:], ref.String())
	}
	return value{}
}

// ofRule is what a rule stands for: the place of the input that it names, or a value that it took from there.
func (s *silence) ofRule(rule *ast.Rule) value {
	if known, done := s.values[rule]; done {
		return *known
	}
	s.values[rule] = &value{}
	term := rule.Head.Value
	if rule.Head.RuleKind() == ast.MultiValue {
		term = rule.Head.Key
	}
	if term == nil || len(rule.Head.Args) > 0 {
		return value{}
	}
	scope := scope{vars: map[ast.Var]value{}}
	for _, expr := range rule.Body {
		s.bind(expr, scope)
	}
	found := s.of(term, scope)
	if rule.Head.RuleKind() == ast.MultiValue && found.taint == open {
		found = value{taint: odd, shown: found.shown}
	}
	s.values[rule] = &found
	return found
}

func (s *silence) ofCall(call ast.Call, scope scope) value {
	ref, arguments := operator(call)
	shown := call.String()
	if name, isHelper := helperOf(ref); isHelper {
		if name == "arg" || name == "at" || name == "items" {
			return value{taint: odd, shown: shown, collection: name == "items"}
		}
		return value{}
	}
	if ref.String() == "object.get" && len(arguments) == 3 {
		if from := s.of(arguments[0], scope); from.isPlace || from.taint != clean {
			return value{taint: odd, shown: shown}
		}
	}
	return value{}
}

// inData: data is part of the bundle, so what is missing now will be missing then.
func (s *silence) inData(ref ast.Ref) bool {
	var node any = s.data
	for _, step := range ref[1:] {
		text, isText := step.Value.(ast.String)
		object, isObject := node.(map[string]any)
		if !isText || !isObject {
			_, isArray := node.([]any)
			return !isText && (isObject || isArray)
		}
		var found bool
		if node, found = object[string(text)]; !found {
			return false
		}
	}
	return true
}
