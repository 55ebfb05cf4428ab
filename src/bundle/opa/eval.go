package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// eval asks OPA's own evaluator.
func eval(request *Request) (any, []Problem) {
	compiler, _, problems := request.compile()
	if len(problems) > 0 {
		return nil, problems
	}
	options := []func(*rego.Rego){
		rego.Compiler(compiler),
		rego.Store(inmem.NewFromObject(request.Data)),
		rego.Query(request.Query),
	}
	if request.HasInput {
		options = append(options, rego.Input(request.Input))
	}
	results, err := rego.New(options...).Eval(context.Background())
	if err != nil {
		return nil, problemsOf(err)
	}
	if results == nil {
		results = rego.ResultSet{}
	}
	return results, nil
}
