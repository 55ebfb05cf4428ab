package main

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Case is a policy and a query that are compiled by themselves, as OPA does it with its own evaluation cases.
type Case struct {
	Query   string         `json:"query"`
	Modules []string       `json:"modules"`
	Data    map[string]any `json:"data"`
}

// CaseResult has a module whose one entrypoint, eval, gives the bindings of the query, or why there is none.
type CaseResult struct {
	Wasm  []byte `json:"wasm,omitempty"`
	Error string `json:"error,omitempty"`
}

// cases compiles many small policies in one run: most of the time of a run is its start.
func cases(request *Request) (any, []Problem) {
	results := make([]CaseResult, len(request.Cases))
	for index, small := range request.Cases {
		results[index] = small.compile(request.allowed)
	}
	return results, nil
}

func (c Case) compile(allowed *ast.Capabilities) CaseResult {
	options := []func(*rego.Rego){rego.Query(c.Query), rego.SetRegoVersion(ast.RegoV1), rego.Capabilities(allowed)}
	for index, text := range c.Modules {
		name := fmt.Sprintf("module%d.rego", index)
		options = append(options, rego.Module(name, text))
		if module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1}); err == nil {
			for _, problem := range numberKeys(module, c.Data) {
				return CaseResult{Error: problem.Message}
			}
		}
	}
	built, err := rego.New(options...).Compile(context.Background())
	if err != nil {
		return CaseResult{Error: err.Error()}
	}
	return CaseResult{Wasm: built.Bytes}
}
