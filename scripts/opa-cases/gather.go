// Prints OPA's evaluation cases as one JSON array, read as OPA reads them, their input terms in the one form that a module reads.
// The only argument is their folder.
package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
)

type named struct {
	File string `json:"file"`
	cases.TestCase
}

func main() {
	set := cases.MustLoad(os.Args[1]).Sorted().Cases
	all := make([]named, 0, len(set))
	for _, c := range set {
		file, err := filepath.Rel(os.Args[1], c.Filename)
		if err != nil {
			panic(err)
		}
		if c.InputTerm != nil {
			term := ast.MustParseTerm(*c.InputTerm).String()
			c.InputTerm = &term
		}
		all = append(all, named{filepath.ToSlash(file), c})
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(all); err != nil {
		panic(err)
	}
}
