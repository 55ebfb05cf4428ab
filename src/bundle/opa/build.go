package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
)

// BuildResult is a module for the host, with what its source says about its rules.
type BuildResult struct {
	Wasm     []byte          `json:"wasm"`
	Manifest bundle.Manifest `json:"manifest"`
	Rules    []RuleText      `json:"rules"`
	Reads    Reads           `json:"reads"`
}

// build compiles everything it is given, tests too, to WASM.
func build(request *Request) (any, []Problem) {
	compiler, parsed, problems := request.compile()
	if len(problems) > 0 {
		return nil, problems
	}
	return request.assemble(compiler, parsed, request.paths())
}

func (r *Request) assemble(compiler *ast.Compiler, parsed map[string]*ast.Module, paths []string) (any, []Problem) {
	built, problems := r.translate(parsed, paths, r.Entrypoints)
	if len(problems) > 0 {
		return nil, problems
	}
	result := BuildResult{Wasm: built.WasmModules[0].Raw, Manifest: built.Manifest, Rules: []RuleText{}, Reads: readsOf(compiler)}
	for _, path := range paths {
		if !isTest(path) {
			result.Rules = append(result.Rules, rulesOf(parsed[path])...)
		}
	}
	return result, nil
}

// translate compiles without optimisation: what the tests saw is what will judge.
func (r *Request) translate(parsed map[string]*ast.Module, paths, entrypoints []string) (*bundle.Bundle, []Problem) {
	source := &bundle.Bundle{Data: r.Data}
	source.SetRegoVersion(ast.RegoV1)
	source.Manifest.Init()
	for _, path := range paths {
		// The compiler has rewritten nothing in what was parsed, but the builder will.
		source.Modules = append(source.Modules, bundle.ModuleFile{URL: path, Path: path, Parsed: parsed[path].Copy(), Raw: []byte(r.Modules[path])})
	}
	builder := compile.New().
		WithTarget(compile.TargetWasm).
		WithRegoVersion(ast.RegoV1).
		WithCapabilities(r.allowed).
		WithEntrypoints(entrypoints...).
		// Else everything that depends on an entrypoint becomes one too: all of the library depends on whatever lies below
		// data.policies, tests included, and a function in between cannot be one.
		WithPruneUnused(true).
		WithBundle(source)
	if err := builder.Build(context.Background()); err != nil {
		return nil, problemsOf(err)
	}
	return builder.Bundle(), nil
}
