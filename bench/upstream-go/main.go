// A server of the official Go SDK, which uses every core: the kind beside which gateways were compared. Its rows come from the file
// that it is given. It prints its port.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type queryArguments struct {
	SQL   string `json:"sql"`
	Reply string `json:"reply"`
}

type listArguments struct {
	Limit int    `json:"limit"`
	Nonce string `json:"nonce"`
	As    string `json:"as"`
	Reply string `json:"reply"`
}

type customer struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Address string  `json:"address"`
	Card    string  `json:"card"`
	SSN     string  `json:"ssn"`
	Plan    string  `json:"plan"`
	Active  bool    `json:"active"`
	Balance float64 `json:"balance"`
	Notes   string  `json:"notes"`
}

func main() {
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var customers []customer
	if err := json.Unmarshal(file, &customers); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, handlerOf(newServer(customers))))
}

func newServer(customers []customer) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	readOnly := &mcp.ToolAnnotations{ReadOnlyHint: true}
	mcp.AddTool(server, &mcp.Tool{Name: "query", Description: "Runs a statement", Annotations: readOnly},
		func(_ context.Context, _ *mcp.CallToolRequest, asked queryArguments) (*mcp.CallToolResult, any, error) {
			return texts(marshal([]map[string]string{{"nonce": asked.SQL}})), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "list_customers", Description: "A hundred customers", Annotations: readOnly},
		func(_ context.Context, _ *mcp.CallToolRequest, asked listArguments) (*mcp.CallToolResult, any, error) {
			rows := customers[:min(asked.Limit, len(customers))]
			if asked.As == "structured" {
				answer := texts(fmt.Sprintf("%d rows", len(rows)))
				answer.StructuredContent = map[string]any{"rows": rows, "nonce": asked.Nonce}
				return answer, nil, nil
			}
			return texts(marshal(rows), asked.Nonce), nil, nil
		})
	return server
}

func texts(all ...string) *mcp.CallToolResult {
	result := &mcp.CallToolResult{}
	for _, text := range all {
		result.Content = append(result.Content, &mcp.TextContent{Text: text})
	}
	return result
}

func marshal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}

// How a session is answered is settled when it is opened: by the name of its client.
func handlerOf(server *mcp.Server) http.Handler {
	of := func(*http.Request) *mcp.Server { return server }
	asJSON := mcp.NewStreamableHTTPHandler(of, &mcp.StreamableHTTPOptions{JSONResponse: true})
	asEvents := mcp.NewStreamableHTTPHandler(of, nil)
	var events sync.Map
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		id := request.Header.Get("Mcp-Session-Id")
		if _, known := events.Load(id); id != "" && known {
			asEvents.ServeHTTP(response, request)
			return
		}
		if id == "" {
			body, _ := io.ReadAll(request.Body)
			request.Body = io.NopCloser(bytes.NewReader(body))
			if bytes.Contains(body, []byte("bench-sse")) {
				asEvents.ServeHTTP(response, request)
				events.Store(response.Header().Get("Mcp-Session-Id"), true)
				return
			}
		}
		asJSON.ServeHTTP(response, request)
	})
}
