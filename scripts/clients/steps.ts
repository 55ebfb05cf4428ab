import type { OpenClient, RealClient } from '../../test/support/clients.ts'

export interface Step {
  readonly ok: boolean
  readonly told: string
}
export type StepName = 'list' | 'call' | 'masked' | 'denied' | 'approval' | 'reconnect'
export type Walk = Readonly<Record<StepName, Step>> & { readonly revision: string | undefined }

const secrets = [/(?<!\d)\d{16}(?!\d)/, /(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)/, /sk_test_[A-Za-z0-9]{10,}/]
/** A model that is told to call again does so; nobody does it for ever. */
const mostCalls = 6

/** What the program behind a client sees of the gateway. `limit` tells the approvals of several clients apart. */
export async function walk(open: OpenClient, url: string, token: string, limit: number): Promise<Walk> {
  const client = await open(url, token)
  try {
    return {
      revision: client.revision,
      list: await step(async () => {
        const tools = await client.tools()
        return { ok: tools.includes('query') && !tools.includes('alter_schema'), told: `${tools.length} tools` }
      }),
      call: await step(async () => {
        const { text, isError } = await client.call('query', { sql: 'SELECT 41 + 1 AS n LIMIT 1' })
        return told(!isError && text.includes('42'), 'answered', text)
      }),
      masked: await step(async () => {
        const { text, isError } = await client.call('list_customers', { limit: 3 })
        return told(!isError && text.length > 100 && !secrets.some((pattern) => pattern.test(text)), 'masked', text)
      }),
      denied: await step(async () => {
        const { text } = await client.call('query', { sql: 'DROP TABLE customers' })
        return told(text.includes('DROP, TRUNCATE'), 'the reason is read', text)
      }),
      approval: await step(() => approved(client, limit)),
      reconnect: await step(async () => {
        await client.close()
        const again = await open(url, token)
        const tools = await again.tools().finally(() => again.close())
        return { ok: tools.includes('query'), told: 'listed again' }
      }),
    }
  } finally {
    await client.close().catch(() => undefined)
  }
}

async function approved(client: RealClient, limit: number): Promise<Step> {
  const began = performance.now()
  for (let calls = 1; calls <= mostCalls; calls += 1) {
    const { text, isError } = await client.call('export_customers', { limit })
    const seconds = Math.round((performance.now() - began) / 1000)
    if (isError && /call the same tool again|pending/i.test(text)) continue
    return told(!isError && text.length > 1000, `${seconds} s, ${calls === 1 ? 'one call' : `${calls} calls`}`, text)
  }
  return { ok: false, told: `still pending after ${mostCalls} calls` }
}

const told = (ok: boolean, what: string, text: string): Step => ({ ok, told: ok ? what : text.slice(0, 300) })

const step = (act: () => Promise<Step>): Promise<Step> => act().catch((error: unknown) => ({ ok: false, told: String(error).slice(0, 300) }))
