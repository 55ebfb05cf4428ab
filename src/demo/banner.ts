const bar = '═'.repeat(78)

/** What to do next, ready to paste. */
export function demoBanner({ url, log }: { readonly url: string; readonly log: string }, colour: boolean): string {
  const paint = (code: string) => (text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const [loud, head, dim] = [paint('1;30;43'), paint('1;36'), paint('2')]
  const token = (persona: string, audience = '') => `$(npx --no sallyport token ${persona}${audience})`
  const crm = `${url}/mcp/crm`
  const call = JSON.stringify({
    jsonrpc: '2.0', id: 1, method: 'tools/call',
    params: {
      name: 'get_customer', arguments: { id: 7 },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })
  const cursor = JSON.stringify({ mcpServers: { crm: { url: crm, headers: { Authorization: 'Bearer ${env:SALLYPORT_CRM}' } } } })
  const code = JSON.stringify({
    inputs: [{ type: 'promptString', id: 'sallyport', description: 'Sallyport token', password: true }],
    servers: { crm: { type: 'http', url: crm, headers: { Authorization: 'Bearer ${input:sallyport}' } } },
  })
  const generic = JSON.stringify({ mcpServers: { crm: { type: 'http', url: crm, headers: { Authorization: 'Bearer <token>' } } } })
  return [
    loud(bar),
    loud('  DEMO  Sallyport runs with invented people who need no password, on loopback only.'.padEnd(78)),
    loud('        Do not put real data behind it.'.padEnd(78)),
    loud(bar),
    '',
    `${head('Listening')}   ${url}    servers: ${crm}  ${url}/mcp/files`,
    `${head('People')}      support (Sam), reviewer (Riley), auditor (Ada), ci (a job): ${dim('npx --no sallyport token support')}`,
    '',
    head('See the story told: in another terminal, in this directory'),
    '  npm run tour',
    '',
    head('Any MCP client that can sign people in: give it the address, and nothing else'),
    `  ${crm}`,
    '  It opens a browser, where you say which of the people you are. With a token, as below, it needs none.',
    '',
    head('Ask as Sam, with curl: the card number comes back masked'),
    `  curl -s ${crm} -H "Authorization: Bearer ${token('support')}" \\`,
    `    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\`,
    `    -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: get_customer' \\`,
    `    -d '${call}'`,
    '',
    head('MCP Inspector'),
    `  npx mcp-inspector --cli ${crm} --transport http --method tools/list --header "Authorization: Bearer ${token('support')}"`,
    '',
    head('Claude Code'),
    `  claude mcp add --transport http crm ${crm} --header "Authorization: Bearer ${token('support')}"`,
    `${head('Cursor')}, in .cursor/mcp.json, started with SALLYPORT_CRM="${token('support')}"`,
    `  ${cursor}`,
    `${head('VS Code')}, in .vscode/mcp.json`,
    `  ${code}`,
    `${head('Any other client')} that takes headers`,
    `  ${generic}`,
    dim(`  For the files, say /mcp/files and: npx --no sallyport token support --audience mcp/files`),
    '',
    head('Approve, in a second terminal: an export of more than 1000 customers waits for Riley'),
    `  export SALLYPORT_URL=${url} SALLYPORT_TOKEN="${token('reviewer')}"`,
    '  npx --no sallyport approvals list',
    `  npx --no sallyport approvals approve <id> --reason 'agreed with Sam'`,
    '',
    head('Look at what was recorded, as Ada'),
    `  export SALLYPORT_URL=${url} SALLYPORT_TOKEN="${token('auditor')}"`,
    '  npx --no sallyport sessions list',
    '  npx --no sallyport sessions replay <id>',
    '',
    dim(`Policies: rego/policies (saved changes are active at once)   Log: ${log}   Ctrl-C ends the demo.`),
  ].join('\n')
}
