package main

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/util"
)

// BuildResult is a module for the host, with what its source says about its rules.
type BuildResult struct {
	Wasm     []byte          `json:"wasm"`
	Manifest bundle.Manifest `json:"manifest"`
	Rules    []RuleText      `json:"rules"`
	Reads    Reads           `json:"reads"`
}

// build compiles to WASM without optimisation: what the tests saw is what will judge.
func build(request *Request) (any, []Problem) {
	compiler, parsed, problems := request.compile()
	if len(problems) > 0 {
		return nil, problems
	}
	source := &bundle.Bundle{Data: request.Data}
	source.SetRegoVersion(ast.RegoV1)
	source.Manifest.Init()
	for _, path := range request.paths() {
		module, err := ast.ParseModuleWithOpts(path, request.Modules[path], request.parserOptions())
		if err != nil {
			return nil, problemsOf(err)
		}
		source.Modules = append(source.Modules, bundle.ModuleFile{URL: path, Path: path, Parsed: module, Raw: []byte(request.Modules[path])})
	}
	builder := compile.New().
		WithTarget(compile.TargetWasm).
		WithRegoVersion(ast.RegoV1).
		WithCapabilities(request.allowed).
		WithEntrypoints(request.Entrypoints...).
		WithBundle(source)
	if err := builder.Build(context.Background()); err != nil {
		return nil, problemsOf(err)
	}
	built := builder.Bundle()
	result := BuildResult{Wasm: built.WasmModules[0].Raw, Manifest: built.Manifest, Rules: []RuleText{}, Reads: readsOf(compiler)}
	for _, path := range util.KeysSorted(parsed) {
		if !isTest(path) {
			result.Rules = append(result.Rules, rulesOf(parsed[path])...)
		}
	}
	return result, nil
}
