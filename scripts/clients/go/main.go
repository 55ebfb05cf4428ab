// One Go client, driven by lines: {"do": "tools"} or {"do": "call", "name": …, "arguments": …}; each is answered by one line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type order struct {
	Do        string         `json:"do"`
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

type bearer struct{ token string }

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(request)
}

func answer(ctx context.Context, session *mcp.ClientSession, o order) map[string]any {
	if o.Do == "tools" {
		listed, err := session.ListTools(ctx, nil)
		if err != nil {
			return map[string]any{"text": err.Error(), "isError": true}
		}
		names := []string{}
		for _, tool := range listed.Tools {
			names = append(names, tool.Name)
		}
		return map[string]any{"tools": names}
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: o.Name, Arguments: o.Arguments})
	if err != nil {
		return map[string]any{"text": err.Error(), "isError": true}
	}
	texts := []string{}
	for _, block := range result.Content {
		if text, ok := block.(*mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return map[string]any{"text": strings.Join(texts, "\n"), "isError": result.IsError}
}

func main() {
	ctx := context.Background()
	client := mcp.NewClient(&mcp.Implementation{Name: "go-sdk", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: os.Args[1], HTTPClient: &http.Client{Transport: bearer{os.Args[2]}}}
	session, err := client.Connect(ctx, transport, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer session.Close()
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode(map[string]any{"revision": session.InitializeResult().ProtocolVersion})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_ = out.Encode(answer(ctx, session, o))
	}
}
