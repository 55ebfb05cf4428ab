package main

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// What OPA's compiler does with some forms doubles with each level, or grows with the square or the cube of their length. Nobody writes
// so many, so they are refused where they stand, before it begins.
const (
	// deepestBody: comprehensions, `every` and template strings, each inside another. Three levels more take ten times as long.
	deepestBody = 10
	// freeBodies are so few levels that they cost no more than what else stands in a file.
	freeBodies = 3
	// mostBodies of all sources together, each counted twice for every level above it.
	mostBodies = 1 << 13
	// longestBody: conditions of one body, which are put in order by what each needs of the others.
	longestBody = 200
	longestElse = 150
	// deepestTerm: operands of operands, as in a sum of so many.
	deepestTerm = 150
)

// bounds looks for what would keep the compiler busy for longer than anybody waits.
type bounds struct {
	problems []Problem
	bodies   int
}

// tooMuch says where one of the modules would, in their order; each is told of once.
func tooMuch(parsed map[string]*ast.Module) []Problem {
	b := &bounds{}
	for _, path := range slices.Sorted(keysOf(parsed)) {
		before := len(b.problems)
		for _, rule := range parsed[path].Rules {
			b.rule(rule)
			if len(b.problems) > before {
				break
			}
		}
	}
	return b.problems
}

func (b *bounds) refuse(loc *ast.Location, message, remedy string) {
	if len(b.problems) == 0 || b.problems[len(b.problems)-1].File != loc.File {
		b.problems = append(b.problems, problemAt(loc, "too_much", message, remedy))
	}
}

func (b *bounds) rule(rule *ast.Rule) {
	branches := 0
	for branch := rule; branch != nil; branch = branch.Else {
		if branches++; branches > longestElse {
			b.refuse(branch.Location, fmt.Sprintf("there are more than %d `else` of one rule", longestElse), "put the cases into a table of the data")
			return
		}
		b.walk(branch.Head, 0, 0)
		b.body(branch.Body, 0)
	}
}

func (b *bounds) body(body ast.Body, level int) {
	if len(body) > longestBody {
		b.refuse(body[longestBody].Location, fmt.Sprintf("there are more than %d conditions in one body", longestBody), "write parts of it as rules of their own")
		return
	}
	for _, expr := range body {
		b.walk(expr, level, 0)
	}
}

// enter counts a body inside others.
func (b *bounds) enter(loc *ast.Location, level int) bool {
	if level > deepestBody {
		b.refuse(loc, fmt.Sprintf("comprehensions, `every` and template strings are nested more than %d deep", deepestBody), "write parts of it as rules of their own")
		return false
	}
	if level > freeBodies {
		b.bodies += 1 << level
	}
	if b.bodies > mostBodies {
		b.refuse(loc, "there are too many comprehensions, `every` and template strings that are nested deep, all policies taken together", "write parts of them as rules of their own")
		return false
	}
	return true
}

// walk goes through a node that stands inside so many bodies and operands.
func (b *bounds) walk(node any, level, depth int) {
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Every:
			b.walk(x.Domain, level, depth)
			if b.enter(x.Location, level+1) {
				b.body(x.Body, level+1)
			}
			return true
		case *ast.Term:
			return b.term(x, level, depth)
		}
		return false
	})
	visitor.Walk(node)
}

// term goes on by itself where something stands inside a term, and says so.
func (b *bounds) term(term *ast.Term, level, depth int) bool {
	if depth > deepestTerm {
		b.refuse(term.Location, fmt.Sprintf("operands are nested more than %d deep", deepestTerm), "name parts of it by `:=`")
		return true
	}
	inside := func(body ast.Body, terms ...*ast.Term) {
		if !b.enter(term.Location, level+1) {
			return
		}
		for _, part := range terms {
			b.walk(part, level+1, depth+1)
		}
		b.body(body, level+1)
	}
	switch x := term.Value.(type) {
	case *ast.ArrayComprehension:
		inside(x.Body, x.Term)
	case *ast.SetComprehension:
		inside(x.Body, x.Term)
	case *ast.ObjectComprehension:
		inside(x.Body, x.Key, x.Value)
	case *ast.TemplateString:
		if b.enter(term.Location, level+1) {
			for _, part := range x.Parts {
				b.walk(part, level+1, depth+1)
			}
		}
	case ast.Call:
		for _, part := range x {
			b.walk(part, level, depth+1)
		}
	default:
		return false
	}
	return true
}
