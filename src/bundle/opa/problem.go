package main

import (
	"cmp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Problem is something that keeps a source from becoming a bundle.
type Problem struct {
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Col     int    `json:"col,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Remedy says what to write instead, in one sentence.
	Remedy string `json:"remedy,omitempty"`
}

// SemanticsOptions is what CheckSemantics needs to know besides the source.
type SemanticsOptions struct {
	// Detectors are the names that a mask may use.
	Detectors []string `json:"detectors"`
	// Library are the files of the gateway's own copy of package sallyport.
	Library []string `json:"library"`
}

func problemAt(loc *ast.Location, code, message, remedy string) Problem {
	p := Problem{Code: code, Message: message, Remedy: remedy}
	if loc != nil {
		p.File, p.Row, p.Col = loc.File, loc.Row, loc.Col
	}
	return p
}

func problemsOf(err error) []Problem {
	switch e := err.(type) {
	case nil:
		return nil
	case ast.Errors:
		var all []Problem
		for _, one := range e {
			all = append(all, problemAt(one.Location, one.Code, messageOf(one), ""))
		}
		return sorted(all)
	case *ast.Error:
		return []Problem{problemAt(e.Location, e.Code, messageOf(e), "")}
	}
	return []Problem{{Code: "failed", Message: err.Error()}}
}

// messageOf adds the lines of detail (the line of source, what was had and what was wanted) to OPA's sentence.
func messageOf(e *ast.Error) string {
	text := e.Message
	if e.Details != nil {
		for _, line := range e.Details.Lines() {
			text += "\n" + line
		}
	}
	return text
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Message, b.Message))
	})
	return problems
}
