package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Request is what one command is asked. A command reads only the fields it needs.
type Request struct {
	Command string `json:"command"`
	// Modules are the sources: path to text.
	Modules map[string]string `json:"modules"`
	Data    map[string]any    `json:"data"`
	// Capabilities as OPA prints them; all of this version where none are given.
	Capabilities json.RawMessage `json:"capabilities"`
	// Schemas by name; `input` is the schema of the input of every module.
	Schemas     map[string]any   `json:"schemas"`
	Strict      bool             `json:"strict"`
	Entrypoints []string         `json:"entrypoints"`
	Semantics   SemanticsOptions `json:"semantics"`
	Filter      string           `json:"filter"`
	// Coverage has tests traced line by line, which takes as long again.
	Coverage bool `json:"coverage"`
	// Watch has each test told before it is run, in place of coverage.
	Watch bool `json:"watch"`
	// Review asks for what lint and format check look at.
	Review   bool   `json:"review"`
	Query    string `json:"query"`
	Cases    []Case `json:"cases"`
	Input    any    `json:"input"`
	HasInput bool   `json:"has_input"`

	allowed *ast.Capabilities
}

// readRequest keeps numbers as they are written, like OPA's own loader.
func readRequest(text []byte) (*Request, error) {
	var request Request
	if err := util.UnmarshalJSON(text, &request); err != nil {
		return nil, fmt.Errorf("the request is not JSON: %w", err)
	}
	request.allowed = ast.CapabilitiesForThisVersion()
	if request.Capabilities != nil {
		var err error
		if request.allowed, err = ast.LoadCapabilitiesJSON(bytes.NewReader(request.Capabilities)); err != nil {
			return nil, fmt.Errorf("the capabilities cannot be read: %w", err)
		}
	}
	if request.Data == nil {
		request.Data = map[string]any{}
	}
	return &request, nil
}

func (r *Request) paths() []string {
	return util.KeysSorted(r.Modules)
}

func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.rego")
}

func (r *Request) parserOptions() ast.ParserOptions {
	return ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: r.permissive()}
}

// permissive has every builtin of this version beside the features asked for, so that a forbidden builtin can be named as one.
func (r *Request) permissive() *ast.Capabilities {
	wide := *r.allowed
	wide.Builtins = ast.CapabilitiesForThisVersion().Builtins
	return &wide
}

func (r *Request) parse() (map[string]*ast.Module, []Problem) {
	modules := map[string]*ast.Module{}
	var problems []Problem
	for _, path := range r.paths() {
		module, err := ast.ParseModuleWithOpts(path, r.Modules[path], r.parserOptions())
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		if module == nil {
			problems = append(problems, Problem{File: path, Row: 1, Col: 1, Code: "rego_parse_error", Message: "empty module"})
			continue
		}
		modules[path] = module
	}
	return modules, problems
}

// compile parses and compiles everything as `opa check` does, then refuses what the engine that judges does not take or takes otherwise.
func (r *Request) compile() (*ast.Compiler, map[string]*ast.Module, []Problem) {
	parsed, problems := r.parse()
	if problems = append(append(problems, tooMuch(parsed)...), intruders(parsed, r.Semantics.Library)...); len(problems) > 0 {
		return nil, parsed, problems
	}
	compiler := ast.NewCompiler().
		WithCapabilities(r.permissive()).
		WithSchemas(r.schemaSet()).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(r.dataAt).
		WithStrict(r.Strict).
		SetErrorLimit(0)
	if compiler.Compile(r.withEventSchema(parsed)); compiler.Failed() {
		return nil, parsed, problemsOf(compiler.Errors)
	}
	problems = append(forbidden(compiler, r.allowed), functionKeys(compiler, r.Semantics.Library)...)
	for _, path := range r.paths() {
		problems = append(problems, numberKeys(parsed[path], r.Data)...)
	}
	return compiler, parsed, problems
}

func (r *Request) schemaSet() *ast.SchemaSet {
	set := ast.NewSchemaSet()
	for name, schema := range r.Schemas {
		if name == "input" {
			set.Put(ast.SchemaRootRef, schema)
		}
		set.Put(ast.SchemaRootRef.Append(ast.StringTerm(name)), schema)
	}
	return set
}

// dataAt tells the compiler whether base data stands where a package wants to be.
func (r *Request) dataAt(path []string) (bool, error) {
	var node any = r.Data
	for _, key := range path {
		object, isObject := node.(map[string]any)
		if !isObject {
			return true, nil
		}
		var found bool
		if node, found = object[key]; !found {
			return false, nil
		}
	}
	return len(path) > 0, nil
}
