import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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

/** Where the gateway has its files that a process has started, as soon as its store is there: it does not listen yet. */
function begunBy(pid: number): string | undefined {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean))
  const configs = children.map((child) => /--config\0([^\0]+)/.exec(readFileSync(`/proc/${child}/cmdline`, 'utf8'))?.[1])
  return configs.flatMap((config) => (config === undefined ? [] : [dirname(config)])).find((directory) => existsSync(join(directory, 'sallyport.db')))
}

const onLinux = missing(['linux']).length === 0 ? test : test.skip
onLinux('ended early, it leaves no server, no gateway and no file', async () => {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-ended-'))
  const child = spawn(process.execPath, [...script, '--only', 'P1'], { env: { ...process.env, TMPDIR: place }, stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr.resume()
  let directory: string | undefined
  while (directory === undefined) {
    await wait(20)
    directory = begunBy(child.pid ?? NaN)
  }
  child.kill('SIGTERM')
  expect(await once(child, 'close')).toEqual([1, null]) // its server has the same stderr: it ended, too
  expect(readdirSync(place)).toEqual([])
  expect(existsSync(directory)).toBe(false)
  rmSync(place, { recursive: true })
})
