import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createProgress } from '../../../src/cli/policy/progress.ts'
import { readInstant } from '../../../src/cli/period.ts'

test('progress is one line that is written over on a terminal, and nothing elsewhere', () => {
  const written: string[] = []
  const terminal = { isTTY: true, columns: 40, write: (text: string) => written.push(text) }
  const progress = createProgress(terminal)
  progress.show(0.5, 'half of something that is too long for the line of this terminal')
  progress.show(0.6, 'so soon after, nobody could read it')
  progress.end()
  expect(written).toHaveLength(2)
  expect(written[0]).toMatch(/^\r\[#{12}\.{12}\] half of some.*\u001b\[K$/)
  expect(written[0]!.replace(/\r|\u001b\[K/g, '')).toHaveLength(39)
  expect(written[1]).toBe('\r\u001b[K')
  const piped: string[] = []
  createProgress({ write: (text) => piped.push(text) }).show(1, 'all')
  expect(piped).toEqual([])
})

test('a time is so long ago, a day or a moment, and nothing else', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  const at = readInstant(now)
  expect(['30m', '12h', '7d', '2w'].map(at)).toEqual([now - 1_800_000, now - 43_200_000, now - 604_800_000, now - 1_209_600_000])
  expect(at('2026-11-21')).toBe(Date.parse('2026-11-21T00:00:00Z'))
  expect(at('2026-11-21T08:00:00+02:00')).toBe(Date.parse('2026-11-21T06:00:00Z'))
  for (const text of ['', '7', 'yesterday', '-7d', '7 d', '1e3d', '2026-13-41', '2026-02-31', '2026-11-21 8am']) expect(() => at(text)).toThrow('is expected')
  expect(readInstant(now, 'end')('2026-11-21')).toBe(Date.parse('2026-11-21T23:59:59.999Z'))
})

test('a time without a zone is in UTC, as all times that are printed, wherever the command runs', () => {
  const period = fileURLToPath(new URL('../../../src/cli/period.ts', import.meta.url))
  const asked = `import { instantOf } from ${JSON.stringify(period)}; console.log(['2026-11-21', '2026-11-21T08:00', '2026-11-21 08:00:00.5'].map(text => new Date(instantOf(text, 0)).toISOString()).join())`
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', asked], { env: { ...process.env, TZ: 'America/New_York' }, encoding: 'utf8' })
  expect(told.trim()).toBe('2026-11-21T00:00:00.000Z,2026-11-21T08:00:00.000Z,2026-11-21T08:00:00.500Z')
})
