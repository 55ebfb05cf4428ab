import { readdirSync, readFileSync } from 'node:fs'
import { analyse } from 'scslre'
import { keys } from '../../src/detect/api-key.ts'
import { createDetectors } from '../../src/detect/index.ts'

const folder = new URL('../../src/detect/', import.meta.url)
/** A pattern as it is written in our own sources: after a bracket, an operator or a blank, on one line. */
const literal = /(?<=[=(,:!]\s?|^\s+)\/(?![*/ ])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+)\/([dgimsuy]*)/gm

const patterns: readonly (readonly [string, string, string])[] = [
  ...readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(literal)].map((match) => [file, match[1] ?? '', match[2] ?? ''] as const)),
  ['api-key.ts, joined', keys.source, keys.flags],
]

function problemsOf(source: string, flags: string): string[] {
  const { reports } = analyse({ source, flags }, { reportTypes: { Move: true, Self: true, Trade: true } })
  return reports.map(({ type, character }) => `${type} on ${JSON.stringify(character.pick)}`)
}

test('the analyser tells what backtracks, so that its silence means something', () => {
  for (const source of ['^(\\w+\\s?)*$', '\\w+@\\w+\\.\\w+', 'a+b?a+c']) expect(problemsOf(source, '')).not.toEqual([])
})

test('the patterns of every detector are among those looked at', () => {
  expect(patterns.length).toBeGreaterThan(25)
  for (const name of ['api-key', 'card-number', 'email', 'index', 'jwt', 'plain-copy', 'private-key', 'us-ssn']) {
    expect(patterns.some(([file]) => file === `${name}.ts`)).toBe(true)
  }
})

test.each(patterns)('in %s /%s/%s needs linear time', (_file, source, flags) => {
  expect(problemsOf(source, flags)).toEqual([])
})

const detectors = createDetectors({})
const begin = ['-----BEGIN ', 'PRIVATE KEY-----'].join('')

describe('four times the text takes about four times the time', () => {
  test.each([
    '4', '1 ', '4111 ', '4111111111111111 ', '12-', '123-45-', 'ssn', 'ssn ', 'social security', '@', 'a', 'a@', 'a.', '@a.b', 'a@b-.', '-', 'eyJ', 'eyJaaaaa.', 'eyJ.', 'eyJa_-',
    'sk-', 'sk-a', 'ghp_', 'AKIA', 'AKIAAAAAAAAAAAAAAAAA ', 'xoxb-', 'secret_key', 'secret key = ', '-----BEGIN ', 'BEGIN PRIVATE KEY', begin, `${begin} -----END `, '\\u0031', '\\\\', '%25', '%',
    '\u200b', '1\u200b', 'a\u00ad@', 'abcdefghijklmno ', 'secret abcdefghijklmnopqrstuvwxyzabcdefghijklmno ', '1 2 3 4 ', 'AKIAAAAAAAAAAAA ',
  ])('over and over %j', (unit) => {
    const text = unit.repeat(Math.ceil(20_000 / unit.length))
    const once = fastest(text)
    const four = fastest(text.repeat(4))
    // a quadratic pattern takes sixteen times as long, and by far longer than the floor at such a size
    expect(four).toBeLessThan(Math.max(9 * once, 30_000))
  })
})

/** In microseconds of this thread's own processor time: other work on the machine does not count. */
function fastest(text: string): number {
  let best = Infinity
  for (let run = 0; run < 3; run++) {
    const before = process.threadCpuUsage()
    detectors.find(text, 'ssn secret_access_key')
    const { user, system } = process.threadCpuUsage(before)
    best = Math.min(best, user + system)
  }
  return best
}
