// The gateway as the client of a server that wants people's own accounts, for the authorization scenarios of the suite for clients:
//   npx conformance client --scenario auth/metadata-default --command "node --no-warnings scripts/conformance/connecting.ts"
// The suite adds the address of its server. A person signs in at the gateway, connects their account there, and calls every tool.
import { registered, signInBy, startWorld } from '../../test/oauth/world.ts'
import { connect } from '../../test/support/gateway.ts'
import { createPersonBrowser } from '../../test/support/person-browser.ts'

const server = process.argv.at(-1) ?? ''
const { client_id: id, client_secret: secret } = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as { readonly client_id?: string; readonly client_secret?: string }
const revision = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? '2025-11-25'

/** Whoever is given a secret must be named beside it. */
async function known(): Promise<object> {
  if (id === undefined) return {}
  const { origin, pathname } = new URL(server)
  const { authorization_servers: [issuer] } = (await (await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)).json()) as { readonly authorization_servers: readonly string[] }
  return { issuer, client_id: id, ...(secret === undefined ? {} : { client_secret_from: { env: 'CLIENT_SECRET' } }) }
}

const world = await startWorld({
  upstreams: { crm: { url: server, credentials: { kind: 'oauth', ...(await known()) } } },
  settings: { outbound: { allow: ['127.0.0.1', 'localhost', '::1'] } }, env: { CLIENT_SECRET: secret ?? '' },
})
const browser = createPersonBrowser()
const { access_token: token } = await signInBy(world.url, await registered(world.url), { browser, resource: `${world.url}/mcp/crm`, scope: 'mcp:crm' })

async function connectAccount(): Promise<void> {
  const { text } = await browser.visit(`${world.url}/connect/crm`)
  const link = /href="(\/connect\/[^"]+\/begin[^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
  if (link !== undefined) await browser.visit(`${world.url}${link}`)
}
/** What a program gets as far as it does. */
async function useTools(): Promise<boolean> {
  try {
    const client = await connect(`${world.url}/mcp/crm`, token, revision)
    const { result } = await client.request('tools/list')
    const tools = result?.['tools'] as readonly { readonly name: string }[] | undefined
    const answers = await Promise.all((tools ?? []).map(({ name }) => client.request('tools/call', { name, arguments: {} })))
    return tools !== undefined && answers.every(({ result: given }) => given !== undefined && !JSON.stringify(given).includes('"sallyport/decision"'))
  } catch (error) {
    process.stderr.write(`${String(error)}\n`)
    return false
  }
}

for (let tries = 0; tries < 3 && !(await useTools()); tries += 1) await connectAccount()
process.exit()
