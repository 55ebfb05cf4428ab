// The program answers one request: JSON on stdin, JSON on stdout. It opens no file and no connection.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

type command func(request *Request) (any, []Problem)

var commands = map[string]command{
	"ast":          tree,
	"build":        build,
	"bundle":       whole,
	"capabilities": capabilities,
	"cases":        cases,
	"check":        check,
	"eval":         eval,
	"fmt":          format,
	"outline":      outline,
	"semantics":    semantics,
	"test":         test,
	"trace":        trace,
}

// Answer has a result, or problems, or both (a test that failed is a result; a module that does not compile is a problem).
type Answer struct {
	Result   any       `json:"result,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

func main() {
	// One request is answered and all memory is given back at once: collecting in between is what takes the time.
	debug.SetGCPercent(400)
	// Nothing touches it, so that it takes no memory, but it counts: the first collection comes with 80 MiB and not with 16.
	untouched := make([]byte, 16<<20)
	defer runtime.KeepAlive(untouched)
	debug.SetMemoryLimit(1 << 30)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	request, err := readRequest(text)
	if err != nil {
		fail(err)
	}
	run, known := commands[request.Command]
	if !known {
		fail(fmt.Errorf("unknown command %q", request.Command))
	}
	result, problems := run(request)
	if err := json.NewEncoder(os.Stdout).Encode(Answer{Result: result, Problems: problems}); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
