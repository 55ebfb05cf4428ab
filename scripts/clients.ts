// Real clients and servers with the gateway between them: node scripts/clients.ts [--json] [--wait SECONDS] [--only NAME]…
// Each client lists, calls, reads a masked answer and a denial, waits for an approval that takes its time, and connects again;
// each server is listed and called. What cannot be had on this machine is not tried, and told so.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chosen, findKinds } from './clients/kinds.ts'
import { walk, type Walk } from './clients/steps.ts'
import { openDemo } from './clients/demo.ts'
import { tryServers } from './clients/servers.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, wait: { type: 'string', default: '75' }, only: { type: 'string', multiple: true } } })
const say = (line: string) => process.stderr.write(`${line}\n`)
const directory = mkdtempSync(join(tmpdir(), 'sallyport-clients-'))
const firstLimit = 2000

try {
  const kinds = await findKinds(directory, chosen(values.only), say)
  const servers = await tryServers(directory, chosen(values.only), say)
  const demo = await openDemo(directory)
  const approving = demo.approveAfter(Number(values.wait) * 1000)
  say(`approvals take ${values.wait} s`)
  const rows = await Promise.all(
    kinds.map(async ({ name, version, open }, index) => {
      if (open === undefined) return { name, version, walk: undefined }
      const walked = await walk(open, demo.mcp, demo.token, firstLimit + index).catch((error: unknown) => String(error).slice(0, 300))
      say(`${name}: ${typeof walked === 'string' ? walked : JSON.stringify(walked)}`)
      return { name, version, walk: walked }
    }),
  )
  approving.stop()
  await demo.close()
  process.stdout.write(values.json ? `${JSON.stringify({ clients: rows, servers })}\n` : `${[...rows.map(({ name, version, walk: walked }) => `${name} ${version}: ${summaryOf(walked)}`), ...servers.map(({ name, version, ok, told }) => `${name} ${version}: ${ok === undefined ? 'not tried' : ok ? '✓' : '✗'} (${told})`)].join('\n')}\n`)
  process.exitCode = rows.some(({ walk: walked }) => walked !== undefined && !isGood(walked)) || servers.some(({ ok }) => ok === false) ? 1 : 0
} finally {
  rmSync(directory, { recursive: true, force: true })
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
