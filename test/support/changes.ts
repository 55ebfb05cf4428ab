import { until } from './conditions.ts'
import { askApi, startGateway } from './gateway.ts'
import { mcpAnswers, startStubServer } from './stub-server.ts'

const policy = `package policies.test

allow if input.actor.kind != "nobody"

require_approval contains {"code": "change", "reviewers": ["oncall"]} if {
	input.message.direction == "to_server"
	input.message.call.name == "change"
}
`

export interface HeldChange {
  readonly id: string
  readonly state: string
  readonly call: { readonly arguments: { readonly to?: number } }
}

/** A gateway whose one server has a tool `change`, each call of which waits for a reviewer; calls are told apart by the number they change to. */
export async function startChanges(settings: Readonly<Record<string, unknown>> = {}) {
  const modern = { ttlMs: 0, cacheScope: 'private', resultType: 'complete' }
  const stub = await startStubServer(
    mcpAnswers({
      'server/discover': () => ({ ...modern, supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }),
      'tools/list': () => ({ ...modern, tools: [{ name: 'change', inputSchema: { type: 'object' } }] }),
      'tools/call': ({ arguments: args }) => ({ resultType: 'complete', content: [{ type: 'text', text: `changed ${JSON.stringify(args)}` }] }),
    }),
  )
  const gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings })

  /** As a reviewer who is an auditor too. */
  const api = async <T>(path: string, body?: object): Promise<T> => {
    const token = await gateway.token({ subject: 'rita', groups: ['oncall', 'audit'] }, 'api')
    return (await (await askApi(gateway.url, token, path, body)).json()) as T
  }
  const pending = async () => (await api<{ readonly items: readonly HeldChange[] }>('approvals?state=pending')).items
  const held = (to: number): Promise<string> => until(async () => (await pending()).find(({ call }) => call.arguments.to === to)?.id)
  return {
    url: gateway.mcp('stub'), stub, api, pending, held,
    answer: async (to: number, verdict: 'approve' | 'deny' = 'approve') => api<HeldChange>(`approvals/${await held(to)}/${verdict}`, { reason: 'as agreed' }),
    token: (subject: string) => gateway.token({ subject, groups: [] }, 'stub'),
    /** How often the server was asked to change to it. */
    calls: (to: number) => stub.messages().filter(({ method, params }) => method === 'tools/call' && JSON.stringify(params?.['arguments']) === JSON.stringify({ to })).length,
    async close() {
      await gateway.close()
      await stub.close()
    },
  }
}
export type Changes = Awaited<ReturnType<typeof startChanges>>
