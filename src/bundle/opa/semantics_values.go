package main

import (
	"fmt"
	"maps"
	"slices"

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
	return value{taint: v.taint, shown: v.shown, noData: v.noData, lookup: v.lookup}
}

func (s *silence) ofComprehension(term *ast.Term, body ast.Body, outer scope) value {
	inner := outer.inner()
	s.bindAll(body, inner)
	if s.of(term, inner).taint == clean {
		return value{}
	}
	return value{taint: odd, shown: term.String(), collection: true}
}

func (c scope) inner() scope {
	return scope{maps.Clone(c.vars), maps.Clone(c.bound), c.negative}
}

func (s *silence) ofRef(ref ast.Ref, scope scope) value {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		return placeAt("", "").below(ref[1:], ref.String(), scope)
	case isPolicyRef(ref):
		worst := value{}
		rules := s.policies.rulesAt(ref)
		for _, rule := range rules {
			worst = worse(worst, s.ofRule(rule))
		}
		if worst.taint != open && s.mayBeUndefined(rules) {
			worst = value{taint: open, shown: ref.String()}
		}
		if len(ref) > 4 {
			return worst.below(ref[4:], ref.String(), scope)
		}
		return worst
	case ref[0].Equal(ast.DefaultRootDocument):
		if _, isHelper := helperOf(ref); isHelper {
			return value{}
		}
		if !s.inData(ref) {
			return value{taint: open, shown: ref.String(), noData: true}
		}
		return value{}.below(ref[1:], ref.String(), scope)
	}
	if name, isVar := ref[0].Value.(ast.Var); isVar {
		return scope.vars[name].below(ref[1:], ref.String(), scope)
	}
	if call, isCall := ref[0].Value.(ast.Call); isCall {
		return s.ofCall(call, scope).below(ref[1:], ref.String(), scope)
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
	scope := s.scopeOf(rule, nil, false)
	s.bindAll(rule.Body, scope)
	found := s.of(term, scope)
	if rule.Head.RuleKind() == ast.MultiValue && found.taint != clean {
		found = value{taint: odd, shown: found.shown, collection: true}
	}
	s.values[rule] = &found
	return found
}

func (s *silence) ofCall(call ast.Call, scope scope) value {
	ref, arguments := operator(call)
	shown := call.String()
	if name, isHelper := helperOf(ref); isHelper {
		// The size of what has none is null.
		if name == "arg" || name == "at" || name == "items" || name == "size" {
			return value{taint: odd, shown: shown, collection: name == "items"}
		}
		return value{}
	}
	if isPolicyRef(ref) {
		return s.ofFunction(ref, arguments, scope, shown)
	}
	if ref.String() == "object.get" && len(arguments) == 3 {
		if from := s.of(arguments[0], scope); from.isPlace || from.taint != clean {
			return value{taint: odd, shown: shown}
		}
		return s.of(arguments[2], scope)
	}
	return value{result: true}
}

// ofFunction is what a policy's own function gives for what it is given: nothing, perhaps, where no case of it is for all.
func (s *silence) ofFunction(ref ast.Ref, arguments []*ast.Term, outer scope, shown string) value {
	given := s.givenTo(arguments, outer)
	key := fmt.Sprintf("%s %v", ref, given)
	known, done := s.given[key]
	if !done {
		known = s.fromFunction(ref, given)
		s.given[key] = known
	}
	if known.taint == open && known.shown == "" {
		known.shown = shown
	}
	return known
}

func (s *silence) fromFunction(ref ast.Ref, given []value) value {
	worst, isTotal := value{result: true}, false
	if s.steps--; s.steps < 0 {
		return worst
	}
	for _, rule := range s.policies.rulesAt(ref) {
		isTotal = isTotal || rule.Default
		for ; rule != nil; rule = rule.Else {
			scope := s.scopeOf(rule, given, false)
			s.bindAll(rule.Body, scope)
			if rule.Head.Value != nil {
				worst = worse(worst, plain(s.of(rule.Head.Value, scope)))
			}
			isTotal = isTotal || (takesAll(rule.Head.Args) && !slices.ContainsFunc(rule.Body, func(expr *ast.Expr) bool { return s.isCondition(expr, scope) }))
		}
	}
	if !isTotal {
		return value{taint: open}
	}
	return worst
}

func takesAll(parameters ast.Args) bool {
	return !slices.ContainsFunc(parameters, func(parameter *ast.Term) bool { _, isVar := parameter.Value.(ast.Var); return !isVar })
}

// isCondition tells what may end a body from what only names a value.
func (s *silence) isCondition(expr *ast.Expr, scope scope) bool {
	if term, isTerm := expr.Terms.(*ast.Term); isTerm && !expr.Negated {
		return !term.Equal(ast.BooleanTerm(true))
	}
	if terms, isTerms := expr.Terms.([]*ast.Term); isTerms && !expr.Negated && terms[0].String() == "assign" {
		_, isVar := terms[1].Value.(ast.Var)
		return !isVar || s.of(terms[2], scope).taint == open
	}
	return true
}

// mayBeUndefined: rules of one value that all have conditions, one of them on what may be missing or odd.
func (s *silence) mayBeUndefined(rules []*ast.Rule) bool {
	depends := false
	if s.steps--; s.steps < 0 {
		return false
	}
	for _, rule := range rules {
		if rule.Default || len(rule.Head.Args) > 0 || rule.Head.RuleKind() == ast.MultiValue {
			return false
		}
		for ; rule != nil; rule = rule.Else {
			scope := s.scopeOf(rule, nil, false)
			s.bindAll(rule.Body, scope)
			conditions := 0
			for _, expr := range rule.Body {
				if s.isCondition(expr, scope) {
					conditions++
					depends = depends || s.dependsOnOdd(expr, scope)
				}
			}
			if conditions == 0 {
				return false
			}
		}
	}
	return depends
}

func (s *silence) dependsOnOdd(expr *ast.Expr, scope scope) bool {
	found := false
	ast.WalkTerms(expr, func(term *ast.Term) bool {
		found = found || s.of(term, scope).taint != clean
		return found
	})
	return found
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
