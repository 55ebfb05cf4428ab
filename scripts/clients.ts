// Real clients and servers with the gateway between them: node scripts/clients.ts [--json] [--wait SECONDS] [--only NAME]…
// Each client lists, calls, reads a masked answer and a denial, waits for an approval that takes its time, and connects again;
// each server is listed and called. What cannot be had on this machine is not tried, and told so.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chosen, findKinds, type Kind } from './clients/kinds.ts'
import { walk, type Walk } from './clients/steps.ts'
import { openDemo } from './clients/demo.ts'
import { tryServers } from './clients/servers.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, wait: { type: 'string', default: '75' }, only: { type: 'string', multiple: true } } })
const say = (line: string) => process.stderr.write(`${line}\n`)
const directory = mkdtempSync(join(tmpdir(), 'sallyport-clients-'))
const firstLimit = 2000

try {
  process.exitCode = await tryAll()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function tryAll(): Promise<number> {
  const isWanted = chosen(values.only)
  const kinds = await findKinds(directory, isWanted, say)
  const servers = await tryServers(directory, isWanted, say)
  if (kinds.length === 0 && servers.length === 0) {
    say('no client or server has such a name')
    return 2
  }
  const clients = kinds.length === 0 ? [] : await walkAll(kinds)
  const lines = [
    ...clients.map(({ name, version, walked }) => `${name} ${version}: ${summaryOf(walked)}`),
    ...servers.map(({ name, version, ok, told }) => `${name} ${version}: ${ok === undefined ? 'not tried' : ok ? '✓' : '✗'} (${told})`),
  ]
  process.stdout.write(values.json ? `${JSON.stringify({ clients, servers })}\n` : `${lines.join('\n')}\n`)
  const failed = clients.some(({ walked }) => walked !== undefined && !isGood(walked)) || servers.some(({ ok }) => ok === false)
  return failed ? 1 : 0
}

async function walkAll(kinds: readonly Kind[]) {
  const demo = await openDemo(directory)
  const approving = demo.approveAfter(Number(values.wait) * 1000)
  say(`approvals take ${values.wait} s`)
  const walks = kinds.map(async ({ name, version, open }, index) => {
    if (open === undefined) return { name, version, walked: undefined }
    const walked = await walk(open, demo.mcp, demo.token, firstLimit + index).catch((error: unknown) => String(error).slice(0, 300))
    say(`${name}: ${typeof walked === 'string' ? walked : JSON.stringify(walked)}`)
    return { name, version, walked }
  })
  return Promise.all(walks).finally(async () => {
    approving.stop()
    await demo.close()
  })
}

function isGood(walked: Walk | string): boolean {
  return typeof walked !== 'string' && Object.values(walked).every((step) => typeof step !== 'object' || step.ok)
}

function summaryOf(walked: Walk | string | undefined): string {
  if (walked === undefined) return 'not tried'
  if (typeof walked === 'string') return walked
  const { revision, ...steps } = walked
  return [revision ?? 'revision not told', ...Object.entries(steps).map(([name, { ok, told }]) => `${name} ${ok ? '✓' : '✗'} (${told})`)].join(', ')
}
