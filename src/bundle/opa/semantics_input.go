package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// sure are the places of the input that the gateway always fills with the same type (those below `call`, `request` and
// `approval`: wherever there is one). `*` is any element. All else may be missing, or be whatever a caller or server sends.
var sure = setOf(`
	actor actor.kind actor.subject actor.issuer actor.provider actor.groups actor.groups.* actor.groups_known actor.claims
	upstream upstream.name upstream.labels now
	session session.id session.started_at session.client session.calls session.denied session.approvals session.bytes_out
	entries entries.* entries.*.kind entries.*.name entries.*.annotations entries.*.template
	findings findings.* findings.*.detector findings.*.path findings.*.count findings.*.confidence
	approval approval.id approval.met approval.met.* approval.met.*.rule approval.met.*.reviewers approval.met.*.reviewers.*
	approval.met.*.quorum approval.risk approval.granted_by approval.granted_by.* approval.at
	message message.direction message.kind message.method message.revision message.body
	message.call message.call.kind message.call.name message.call.arguments message.call.annotations message.call.template
	request request.direction request.kind request.method request.revision request.body
	request.call request.call.kind request.call.name request.call.arguments request.call.annotations request.call.template
`)

func setOf(words string) map[string]bool {
	set := map[string]bool{"": true}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// taint says how far a value can be relied on.
type taint int

const (
	// clean values are there and of their type.
	clean taint = iota
	// odd values are there, but may be of any type.
	odd
	// open values may be missing too.
	open
)

// value is what is known of a term: how sure it is, and which place of the input it is a name for.
type value struct {
	taint taint
	// path is a place of the input, as in `sure`; only where isPlace.
	path    string
	isPlace bool
	// what to call it in a message.
	shown string
	// the data of the source has no such thing.
	noData bool
	// a collection of such values: it can be counted whatever they are.
	collection bool
	// what a call gave: nobody knows its members.
	result bool
	// looked up by a key that a table of the source may not have.
	lookup bool
}

func placeAt(path, shown string) value {
	if sure[path] {
		return value{taint: clean, path: path, isPlace: true, shown: shown}
	}
	return value{taint: open, path: path, isPlace: true, shown: shown}
}

// below is the value at the further steps of a reference. Only a variable that the reference itself binds always finds something.
func (v value) below(steps []*ast.Term, shown string, scope scope) value {
	if len(steps) == 0 {
		return v
	}
	if !v.isPlace {
		if v.collection && len(steps) == 1 && scope.iterates(steps[0]) {
			return value{taint: odd, shown: shown}
		}
		if v.taint != clean || v.result {
			return value{taint: open, shown: shown}
		}
		for _, step := range steps {
			if scope.isLookup(step) {
				return value{taint: open, shown: shown, lookup: true}
			}
		}
		return v
	}
	path := v.path
	for _, step := range steps {
		name := "*"
		if text, isText := step.Value.(ast.String); isText {
			name = string(text)
		} else if !scope.iterates(step) {
			return value{taint: open, shown: shown}
		}
		path = strings.TrimPrefix(path+"."+name, ".")
	}
	return placeAt(path, shown)
}

// iterates: the step is a variable that stands for every key there is.
func (c scope) iterates(step *ast.Term) bool {
	name, isVar := step.Value.(ast.Var)
	return isVar && !c.bound[name]
}

// isLookup: the step is a key from elsewhere, which a table may not have. Literal keys are looked at by OPA itself.
func (c scope) isLookup(step *ast.Term) bool {
	switch step.Value.(type) {
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return false
	}
	return !c.iterates(step)
}

// element is one that was found by iterating: it is there, so it can only be odd.
func (v value) element(shown string) value {
	if v.isPlace {
		if inner := v.below([]*ast.Term{ast.VarTerm("_")}, shown, scope{}); inner.taint == clean {
			return inner
		}
		return value{taint: odd, shown: shown}
	}
	if v.taint == clean {
		return value{result: v.result}
	}
	return value{taint: odd, shown: shown}
}

func worse(a, b value) value {
	if b.taint > a.taint {
		return b
	}
	return a
}
