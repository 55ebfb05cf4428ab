import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
beforeEach(() => {
  place = scratch()
})
afterEach(() => place.remove())

const script = new URL('./crash-child.ts', import.meta.url).pathname

async function storedExchanges(): Promise<number[]> {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  try {
    const seen: number[] = []
    let cursor: string | undefined
    let seq = 0
    do {
      const page = await store.records.listEvents('ses_1', { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) })
      for (const each of page.items) {
        expect(each.seq).toBe(++seq)
        seen.push(Number(each.exchange.slice('exg_'.length)))
      }
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
    return seen.sort((a, b) => a - b)
  } finally {
    await store.close()
  }
}

test.each([1, 64, 64, 200])('kill -9 amid %i appends at once: every acknowledged row is there', async (concurrency) => {
  const child = spawn(process.execPath, ['--no-warnings', script, place.path, String(concurrency)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: number[] = []
  const stopAfter = 200 + Math.floor(Math.random() * 2_000)
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, i] = line.split(' ')
    if (what === 'ok') acknowledged.push(Number(i))
    if (acknowledged.length === stopAfter) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  expect(acknowledged.length).toBeGreaterThanOrEqual(stopAfter)
  const stored = await storedExchanges()
  expect(acknowledged.filter((i) => !stored.includes(i))).toEqual([])
  // Beyond what was acknowledged only what was in flight can be there.
  expect(stored.length - acknowledged.length).toBeLessThanOrEqual(concurrency)
})

const canLimit = (() => {
  try {
    execFileSync('prlimit', ['--version'])
    return process.platform === 'linux'
  } catch {
    return false
  }
})()

const onLinux = canLimit ? test : test.skip
onLinux('a full disk refuses every write, harms nothing that was kept, and is recovered from when there is room', async () => {
  // The kernel refuses to let any file of the child grow past 3 MiB.
  const child = spawn('sh', ['-c', 'ulimit -S -f 6144; exec "$@"', 'sh', process.execPath, '--no-warnings', script, place.path, '8', '4000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const fates = { ok: [] as number[], refused: [] as number[] }
  let refusedInARow = 0
  let healed = false
  let recovered = false
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, i] = line.split(' ')
    if (what === 'ok') {
      fates.ok.push(Number(i))
      refusedInARow = 0
      if (healed) {
        recovered = true
        if (fates.ok.length > 2_000) child.kill('SIGKILL')
      }
    } else if (what === 'record_unavailable' || what === 'queue_full') {
      fates.refused.push(Number(i))
      refusedInARow += 1
      if (refusedInARow === 40 && !healed) {
        healed = true
        execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
      }
    }
  }
  expect(fates.refused.length).toBeGreaterThanOrEqual(40)
  expect(recovered).toBe(true)
  const stored = await storedExchanges()
  const known = new Set(stored)
  expect(fates.ok.filter((i) => !known.has(i))).toEqual([])
  expect(fates.refused.filter((i) => known.has(i))).toEqual([])
})
