import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDemo } from '../../test/support/demo-process.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const run = promisify(execFile)

export interface Demo {
  readonly mcp: string
  /** Of Sam, in support. */
  readonly token: string
  /** A reviewer who answers each approval when it has waited so long. */
  approveAfter(milliseconds: number): { stop(): void }
  close(): Promise<void>
}

/** A demo of its own in an empty directory. */
export async function openDemo(cwd: string): Promise<Demo> {
  const { url, close } = await startDemo(cwd)
  const tokenOf = async (persona: string, audience: string) => (await run(process.execPath, [main, 'token', persona, '--audience', audience], { cwd })).stdout.trim()
  const [token, reviewer] = await Promise.all([tokenOf('support', 'mcp/crm'), tokenOf('reviewer', 'api')])
  const headers = { authorization: `Bearer ${reviewer}`, 'content-type': 'application/json' }

  return {
    mcp: `${url}/mcp/crm`,
    token,
    approveAfter(milliseconds) {
      const answered = new Set<string>()
      const look = async () => {
        const { items } = (await (await fetch(`${url}/api/v1/approvals?state=pending`, { headers })).json()) as { items: { id: string; created_at: string }[] }
        for (const { id, created_at } of items) {
          if (answered.has(id) || Date.now() - Date.parse(created_at) < milliseconds) continue
          answered.add(id)
          await fetch(`${url}/api/v1/approvals/${id}/approve`, { method: 'POST', headers, body: JSON.stringify({ reason: 'seen' }) })
        }
      }
      const timer = setInterval(() => void look().catch(() => undefined), 1000)
      return { stop: () => clearInterval(timer) }
    },
    close,
  }
}
