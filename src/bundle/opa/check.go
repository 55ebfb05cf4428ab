package main

import "github.com/open-policy-agent/opa/v1/ast"

// check says what `opa check` says of the same files, and which builtins the host would lack.
func check(request *Request) (any, []Problem) {
	_, _, problems := request.compile()
	return nil, problems
}

// semantics says what in a source would not mean what its author thinks.
func semantics(request *Request) (any, []Problem) {
	compiler, parsed, problems := request.compile()
	if len(problems) > 0 {
		return nil, problems
	}
	return nil, sorted(CheckSemantics(compiler, parsed, request.Data, request.Semantics))
}

// capabilities are all that this version of OPA has.
func capabilities(*Request) (any, []Problem) {
	return ast.CapabilitiesForThisVersion(), nil
}

// tree is the syntax tree of each module, annotations included.
func tree(request *Request) (any, []Problem) {
	return request.parse()
}
