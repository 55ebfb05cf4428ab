import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createTally } from '../../scripts/faults/campaign.ts'
import { campaigns } from '../../scripts/faults/index.ts'
import { missing } from '../../scripts/faults/needs.ts'

// One round of the campaigns that take seconds; `npm run test:faults` runs them, and the others, at full size.

describe.each(['P1', 'P3', 'P8', 'P14'])('%s', (promise) => {
  const { title, needs, run } = campaigns[promise]!
  const absent = missing(needs)
  const onThisMachine = absent.length === 0 ? test : test.skip
  onThisMachine(absent.length === 0 ? title : `NOT PROVED, this machine has no ${absent.join(', ')}: ${title}`, async () => {
    const say = () => undefined
    const tally = createTally(say)
    await run({ rounds: 1, messages: 40, tally, say })
    expect(tally.report()).toMatchObject({ violations: 0 })
    expect(tally.report().checked).toBeGreaterThan(0)
  })
})

const script = ['--no-warnings', join(import.meta.dirname, '../../scripts/faults.ts')]
const command = (...args: readonly string[]) => spawnSync(process.execPath, [...script, ...args], { encoding: 'utf8' })

test('the command tells of every campaign what it tries, how much, and what it needs', () => {
  const { status, stdout } = command('--help')
  expect(status).toBe(0)
  for (const [promise, { title, needs }] of Object.entries(campaigns)) for (const text of [promise, title, ...needs]) expect(stdout).toContain(text)
})
test.each([
  ['no campaign', ['--only', 'toString']],
  ['a size that nothing is counted in', ['--only', 'P12', '--rounds', '3']],
  ['a size of nothing', ['--rounds', '0']],
  ['an option that is none', ['--round', '3']],
])('%s is wrong use, and nothing is told as held', (_name, args) => {
  expect(command(...args)).toMatchObject({ status: 2, stdout: '' })
})

test('ended early, it leaves no server and no file', async () => {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-ended-'))
  const child = spawn(process.execPath, [...script, '--only', 'P1'], { env: { ...process.env, TMPDIR: place }, stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr.resume()
  const journals = () => readdirSync(place).map((name) => join(place, name, 'stub.jsonl')).filter(existsSync)
  while (journals().length === 0) await wait(20)
  child.kill('SIGTERM')
  expect(await once(child, 'close')).toEqual([1, null]) // its server has the same stderr: it ended, too
  expect(readdirSync(place)).toEqual([])
  rmSync(place, { recursive: true })
})
