package main

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// total builtins have an answer for a value of any type.
var total = setOf(`
	is_string is_number is_boolean is_object is_array is_set is_null type_name json.marshal sprintf walk print internal.print
	internal.member_2 internal.member_3 internal.template_string eq equal assign neq regex.is_valid json.is_valid
`)

var orderings = setOf("gt gte lt lte")

// silence finds conditions that end a rule without a word where a field is missing or of another type. A deny whose body ends so
// denies nothing. `negative` is a place where ending so is the safe way out: below a `not`.
type silence struct {
	report   *report
	policies *policies
	data     map[string]any
	seen     map[string]bool
	values   map[*ast.Rule]*value
	// given has what functions give for what they are given.
	given map[string]value
	// masks are asked about answers, where a text in the place of an array has nothing to mask at the paths that the rule makes.
	inMask bool
	// steps that are left: ways to call functions, and to call others from there, multiply.
	steps int
}

const mostSteps = 100_000

type scope struct {
	vars map[ast.Var]value
	// bound are the variables that get their value somewhere else than where they stand as a key.
	bound    map[ast.Var]bool
	negative bool
}

func checkSilence(report *report, policies *policies, data map[string]any) {
	s := &silence{report, policies, data, map[string]bool{}, map[*ast.Rule]*value{}, map[string]value{}, false, mostSteps}
	look := func(name string, rule *ast.Rule) {
		if s.steps < 0 {
			return
		}
		// An allow that says nothing allows nothing, as roles give nothing; what they say `not` to is another matter.
		s.inMask = name == "mask"
		s.rule(rule, nil, !verdicts[name])
		if s.steps < 0 {
			report.add(rule.Location, "too_much", "there are more ways than can be looked at in which this calls functions that call functions",
				"let a function call another in one place, with a value that was named by `:=`")
		}
	}
	policies.roots(look)
	policies.givers(func(rule *ast.Rule) { look(roleRule, rule) })
}

// rule looks at a rule in the light of what it is called with.
func (s *silence) rule(rule *ast.Rule, arguments []value, negative bool) {
	key := fmt.Sprintf("%p %v %v %v", rule, arguments, negative, s.inMask)
	if s.seen[key] {
		return
	}
	s.seen[key] = true
	if s.steps--; s.steps < 0 {
		return
	}
	for ; rule != nil; rule = rule.Else {
		scope := s.scopeOf(rule, arguments, negative)
		s.body(rule.Body, scope)
		for _, term := range []*ast.Term{rule.Head.Key, rule.Head.Value} {
			if term != nil {
				s.operand(term, scope)
				s.needed(term, scope, "the rule's own value")
			}
		}
	}
}

func (s *silence) scopeOf(rule *ast.Rule, arguments []value, negative bool) scope {
	scope := scope{map[ast.Var]value{}, map[ast.Var]bool{}, negative}
	for at, argument := range rule.Head.Args {
		bindVars(argument, scope)
		if at < len(arguments) {
			s.bindTo(argument, arguments[at], scope)
		}
	}
	return scope
}

func bindVars(target *ast.Term, scope scope) {
	ast.WalkVars(target, func(name ast.Var) bool {
		scope.bound[name] = true
		return false
	})
}

// bindAll learns first which variables are bound, then what they stand for.
func (s *silence) bindAll(body ast.Body, scope scope) {
	for _, expr := range body {
		switch terms := expr.Terms.(type) {
		case *ast.SomeDecl:
			if call, isCall := terms.Symbols[0].Value.(ast.Call); isCall {
				for _, symbol := range call[1 : len(call)-1] {
					bindVars(symbol, scope)
				}
			}
		case []*ast.Term:
			if name := terms[0].String(); (name == "assign" || name == "eq") && len(terms) == 3 && !expr.Negated {
				for _, side := range terms[1:] {
					switch side.Value.(type) {
					case ast.Var, *ast.Array, ast.Object:
						bindVars(side, scope)
					}
				}
			}
		}
	}
	for _, expr := range body {
		s.bind(expr, scope)
	}
}

func (s *silence) body(body ast.Body, scope scope) {
	s.bindAll(body, scope)
	for _, expr := range body {
		s.expr(expr, scope)
	}
}

// bind learns what the variables of an expression stand for.
func (s *silence) bind(expr *ast.Expr, scope scope) {
	if expr.Negated {
		return
	}
	switch terms := expr.Terms.(type) {
	case *ast.SomeDecl:
		if len(terms.Symbols) == 1 {
			if call, isCall := terms.Symbols[0].Value.(ast.Call); isCall {
				s.bindElements(call[1:len(call)-1], call[len(call)-1], scope)
			}
		}
	case []*ast.Term:
		name := terms[0].String()
		switch {
		case (name == "assign" || name == "eq") && len(terms) == 3:
			s.bindTo(terms[1], s.of(terms[2], scope), scope)
			if name == "eq" {
				s.bindTo(terms[2], s.of(terms[1], scope), scope)
			}
		case name == "walk" && len(terms) == 3:
			if pair, isArray := terms[2].Value.(*ast.Array); isArray && pair.Len() == 2 {
				from := s.of(terms[1], scope)
				if from.isPlace || from.taint != clean {
					s.bindTo(pair.Elem(1), value{taint: odd, shown: terms[1].String()}, scope)
				}
			}
		}
	}
}

func (s *silence) bindElements(symbols []*ast.Term, from *ast.Term, scope scope) {
	of := s.of(from, scope)
	s.bindTo(symbols[len(symbols)-1], of.element(from.String()+"[_]"), scope)
}

func (s *silence) bindTo(target *ast.Term, v value, scope scope) {
	switch target := target.Value.(type) {
	case ast.Var:
		if _, known := scope.vars[target]; !known {
			scope.vars[target] = v
		}
	case *ast.Array:
		target.Foreach(func(element *ast.Term) { s.bindTo(element, v.element(v.shown), scope) })
	case ast.Object:
		target.Foreach(func(_, element *ast.Term) { s.bindTo(element, v.element(v.shown), scope) })
	}
}

func (s *silence) expr(expr *ast.Expr, scope scope) {
	s.hoisted(expr, scope)
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		inner := scope
		inner.negative = scope.negative != expr.Negated
		s.operand(terms, inner)
	case []*ast.Term:
		s.call(terms, expr, scope)
	case *ast.SomeDecl:
		if call, isCall := terms.Symbols[0].Value.(ast.Call); isCall {
			from := call[len(call)-1]
			s.operand(from, scope)
			s.iterated(from, s.of(from, scope), scope)
			s.takenApart(call[len(call)-2], s.of(from, scope).element(from.String()+"[_]"), scope)
		}
	case *ast.Every:
		inner := scope.inner()
		s.operand(terms.Domain, scope)
		s.iterated(terms.Domain, s.of(terms.Domain, scope), scope)
		for _, name := range []*ast.Term{terms.Key, terms.Value} {
			if name != nil {
				bindVars(name, inner)
			}
		}
		s.bindTo(terms.Value, s.of(terms.Domain, scope).element(terms.Domain.String()+"[_]"), inner)
		inner.negative = scope.negative != expr.Negated
		s.body(terms.Body, inner)
	}
}

// call looks at a call that is a condition of its own. Its nested calls and open references are worked out before its `not`.
func (s *silence) call(terms []*ast.Term, expr *ast.Expr, scope scope) {
	ref, _ := terms[0].Value.(ast.Ref)
	name := ref.String()
	arguments := terms[1:]
	for _, argument := range arguments {
		s.operand(argument, scope)
	}
	inner := scope
	inner.negative = scope.negative != expr.Negated
	s.follow(ref, arguments, scope, inner.negative)
	if name == "assign" || name == "eq" || name == "equal" {
		if len(arguments) == 2 && !inner.negative {
			s.neverFalse(arguments[0], arguments[1])
			s.neverFalse(arguments[1], arguments[0])
		}
		if name != "equal" && len(arguments) == 2 && !expr.Negated {
			s.takenApart(arguments[0], s.of(arguments[1], scope), scope)
			s.takenApart(arguments[1], s.of(arguments[0], scope), scope)
		}
		return
	}
	for at, argument := range arguments {
		v := s.of(argument, scope)
		switch {
		case v.taint == clean || (v.collection && name == "count"):
		case orderings[name]:
			s.refuse(expr.Location, v, "compared", "use sallyport.exceeds or `not sallyport.within`, which hold for what is missing or no number")
		case v.taint == open && isMembership(name) && at == 0 && !expr.Negated:
		case v.taint == open && name != "internal.template_string":
			if !scope.negative {
				s.refuse(expr.Location, v, "handed to "+shownName(name), remedyFor(name))
			}
		case v.taint == odd && !s.takesAnything(ref):
			if !inner.negative {
				s.refuse(expr.Location, v, "handed to "+shownName(name), remedyFor(name))
			}
		}
	}
}

// operand looks at calls within a term: they are worked out first, so that where they have no answer nothing else is asked.
func (s *silence) operand(term *ast.Term, outer scope) {
	switch x := term.Value.(type) {
	case ast.Call:
		ref, arguments := operator(x)
		name := ref.String()
		for _, argument := range arguments {
			s.operand(argument, outer)
		}
		s.follow(ref, arguments, outer, outer.negative)
		for _, argument := range arguments {
			v := s.of(argument, outer)
			if v.taint == clean || (v.collection && name == "count") || (v.taint == odd && s.takesAnything(ref)) || name == "internal.template_string" {
				continue
			}
			if orderings[name] {
				s.refuse(term.Location, v, "compared", "use sallyport.exceeds or `not sallyport.within`, which hold for what is missing or no number")
				continue
			}
			if !outer.negative {
				s.refuse(term.Location, v, "handed to "+shownName(name), remedyFor(name))
			}
		}
	case ast.Ref:
		if isPolicyRef(x) {
			for _, rule := range s.policies.rulesAt(x) {
				s.rule(rule, nil, outer.negative)
			}
		}
		for at, step := range x[1:] {
			s.operand(step, outer)
			if outer.iterates(step) {
				base := ast.NewTerm(x[:at+1]).SetLocation(term.Location)
				s.iterated(base, s.of(base, outer), outer)
			}
		}
		if call, isCall := x[0].Value.(ast.Call); isCall {
			s.operand(ast.NewTerm(call).SetLocation(term.Location), outer)
		}
	case *ast.Array:
		x.Foreach(func(element *ast.Term) { s.operand(element, outer) })
	case ast.Set:
		x.Foreach(func(element *ast.Term) { s.operand(element, outer) })
	case ast.Object:
		x.Foreach(func(key, element *ast.Term) { s.operand(key, outer); s.operand(element, outer) })
	case *ast.ArrayComprehension:
		s.comprehension(x.Body, outer, x.Term)
	case *ast.SetComprehension:
		s.comprehension(x.Body, outer, x.Term)
	case *ast.ObjectComprehension:
		s.comprehension(x.Body, outer, x.Key, x.Value)
	}
}

func (s *silence) comprehension(body ast.Body, outer scope, terms ...*ast.Term) {
	inner := outer.inner()
	s.body(body, inner)
	for _, term := range terms {
		s.operand(term, inner)
	}
}

// follow looks into a policy's own functions with what they are given.
func (s *silence) follow(ref ast.Ref, arguments []*ast.Term, scope scope, negative bool) {
	if !isPolicyRef(ref) {
		return
	}
	for _, rule := range s.policies.rulesAt(ref) {
		s.rule(rule, s.givenTo(arguments, scope), negative)
	}
}

// givenTo: a function is only asked about what is there.
func (s *silence) givenTo(arguments []*ast.Term, scope scope) []value {
	given := make([]value, len(arguments))
	for at, argument := range arguments {
		given[at] = s.of(argument, scope)
		if given[at].taint == open && !given[at].isPlace {
			given[at].taint = odd
		}
	}
	return given
}

// needed: what a rule says must be there, or the rule says nothing at all.
func (s *silence) needed(term *ast.Term, scope scope, what string) {
	if v := s.of(term, scope); v.taint == open && !scope.negative && !v.isPlace {
		s.refuse(term.Location, v, "part of "+what, "use sallyport.arg(…) or sallyport.at(…, […]), which are null for what is missing")
	}
	if object, isObject := term.Value.(ast.Object); isObject {
		object.Foreach(func(_, element *ast.Term) {
			if v := s.of(element, scope); v.taint == open && !scope.negative {
				s.refuse(element.Location, v, "part of "+what, "use sallyport.arg(…) or sallyport.at(…, […]), which are null for what is missing")
			}
		})
	}
}

// takesAnything: the library's helpers and a policy's own functions are asked whatever the value; the latter are looked into.
func (s *silence) takesAnything(ref ast.Ref) bool {
	_, isHelper := helperOf(ref)
	return isHelper || isPolicyRef(ref) || total[ref.String()]
}

func (s *silence) refuse(loc *ast.Location, v value, how, remedy string) {
	shown := asWritten.Replace(v.shown)
	message := fmt.Sprintf("%s is %s, but it may be missing or of another type, and then the rule would say nothing", shown, how)
	if v.noData {
		message = fmt.Sprintf("%s is %s, but the data has no such thing, so the rule would say nothing", shown, how)
		remedy = "add it to the data"
	}
	if v.lookup {
		message = fmt.Sprintf("%s is %s, but the table may not have the key, and then the rule would say nothing", shown, how)
		remedy = "use object.get(table, key, …) with a value for what is not in the table"
	}
	s.report.add(loc, "silent", message, remedy)
}

// asWritten turns resolved names back into those that stand in the source.
var asWritten = strings.NewReplacer("data.sallyport.", "sallyport.", "data.policies.", "policies.")

func isMembership(name string) bool {
	return name == "internal.member_2" || name == "internal.member_3"
}

var signs = map[string]string{"neq": "`!=`", "plus": "`+`", "minus": "`-`", "mul": "`*`", "div": "`/`", "rem": "`%`", "internal.member_2": "`not … in`", "internal.member_3": "`not … in`"}

func shownName(name string) string {
	if sign, known := signs[name]; known {
		return sign
	}
	return asWritten.Replace(name)
}

func remedyFor(name string) string {
	switch name {
	case "contains", "startswith", "endswith", "regex.match", "lower", "upper", "trim", "trim_space", "glob.match", "split", "indexof", "strings.any_prefix_match", "strings.any_suffix_match":
		return "use sallyport.matches(`…`, sallyport.arg(\"…\")) or `not sallyport.only(…)`, which hold for what is missing or no text"
	case "to_number", "count", "abs", "ceil", "floor", "round", "plus", "minus", "mul", "div", "rem":
		return "use sallyport.exceeds(sallyport.arg(\"…\"), …), with sallyport.size(…) for a count; it holds for what is missing or no number"
	}
	return "use sallyport.arg(…) for an argument and sallyport.at(…, […]) for a place further down; both are null for what is missing"
}
