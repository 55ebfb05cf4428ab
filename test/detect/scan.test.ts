import { fc } from '../support/property.ts'
import { createDetectors } from '../../src/detect/index.ts'
import { scan, scanReplaced, type Replaced } from '../../src/detect/scan.ts'
import { valueAt } from '../../src/enforce/pointer.ts'
import type { Json, Sighting } from '../../src/model.ts'

const detectors = createDetectors({})
const findings = (body: Json) => scan(body, detectors).findings
const ssn = '123-45-6789'

test('a finding names detector, place, number of hits and confidence', () => {
  expect(findings({ a: [{ 'x/y~': `${ssn} and 234-56-7890` }], b: 'ada@example.com' })).toEqual([
    { detector: 'us_ssn', path: '/a/0/x~1y~0', count: 2, confidence: 'medium' },
    { detector: 'email', path: '/b', count: 1, confidence: 'high' },
  ])
})

test('a hit gives the keys and the spans, of every detector that hit', () => {
  const { hits } = scan({ a: [`x ${ssn} ada@example.com`] }, detectors)
  expect(hits).toEqual([
    { detector: 'us_ssn', keys: ['a', '0'], where: 'value', spans: [{ start: 2, end: 13 }] },
    { detector: 'email', keys: ['a', '0'], where: 'value', spans: [{ start: 14, end: 29 }] },
  ])
})

test('a text may hold more hits than a call takes arguments, some of them hidden', () => {
  const { hits } = scan({ a: `a@b.io ${'a@b.io '.repeat(160_000)}a\\u0040b.io` }, detectors)
  expect(hits.map(({ spans }) => spans.length)).toEqual([160_002])
})

test('the path never carries a name that holds a secret, neither its own nor one above', () => {
  const body = { people: { [ssn]: { mail: 'ada@example.com', more: { ssn } } } }
  const { findings: found, hits } = scan(body, detectors)
  expect(found).toEqual([
    { detector: 'us_ssn', path: '/people', count: 2, confidence: 'medium' },
    { detector: 'email', path: '/people', count: 1, confidence: 'high' },
  ])
  expect(hits.map(({ keys, where }) => [keys.join('/'), where])).toEqual([
    [`people/${ssn}`, 'name'],
    [`people/${ssn}/mail`, 'value'],
    [`people/${ssn}/more/ssn`, 'value'],
  ])
})

test('very many hits below long names are told at a place around them', () => {
  const hits = Array.from({ length: 20_000 }, () => ssn)
  expect(findings({ a: { ['x'.repeat(100_000)]: hits, b: ssn } })).toEqual([
    { detector: 'us_ssn', path: '/a', count: 20_000, confidence: 'medium' },
    { detector: 'us_ssn', path: '/a/b', count: 1, confidence: 'medium' },
  ])
  const told = findings({ ['x'.repeat(500)]: [...hits, ...hits] })
  expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(40_000)
  expect(told.reduce((sum, { path }) => sum + path.length, 0)).toBeLessThan(5 * 1024 * 1024)
  expect(told.filter(({ path }) => path === '')).toMatchObject([{ detector: 'us_ssn' }])
})

test('however many hits stand before it, one at a short path is told at its place', () => {
  const card = '4111 1111 1111 1111'
  const name = 'y'.repeat(130)
  const told = findings({ ['x'.repeat(480)]: Array.from({ length: 36_000 }, () => ssn), a: Array.from({ length: 300 }, () => ssn), note: card, far: { [name]: [card, card] } })
  expect(told.filter(({ detector }) => detector === 'card_number').map(({ path, count }) => [path, count])).toEqual([['/note', 1], ['/far', 2]])
})

test('what stands after a name that holds a secret has its own path again', () => {
  expect(findings({ [ssn]: 1, after: ssn }).map(({ path }) => path)).toEqual(['', '/after'])
})

test('numbers are read by their text, whatever way they are written', () => {
  const raw = (source: string) => JSON.rawJSON(source) as unknown as Json
  expect(findings([4111111111111111, raw('4111111111111111.0'), raw('4.111111111111111e15'), -4111111111111111]).map(({ path }) => path)).toEqual(['/0', '/1', '/2', '/3'])
  expect(findings({ ssn: 123456789, other: 123456789, n: 12 })).toEqual([{ detector: 'us_ssn', path: '/ssn', count: 1, confidence: 'medium' }])
  expect(findings([0.4111111111111111, true, null])).toEqual([])
})

test('a telling name tells also of what stands in an array below it', () => {
  expect(findings({ ssn: ['123456789'] }).map(({ path }) => path)).toEqual(['/ssn/0'])
})

describe('base64', () => {
  const encoded = (text: string) => Buffer.from(text).toString('base64')

  test.each([
    ['a blob', { blob: encoded(`né ${ssn}`) }],
    ['the data of an image block', { type: 'image', data: encoded(`<svg>${ssn}</svg>`) }],
    ['the data of an audio block', { type: 'audio', data: encoded(ssn) }],
    ['data with a type', { mimeType: 'text/plain', data: Buffer.from(`?>?${ssn}`).toString('base64url') }],
    ['a long text with wide characters', { blob: encoded('ä€😀'.repeat(100) + ssn) }],
  ])('of %s is read decoded', (_what, block) => {
    const { hits } = scan(block, detectors)
    expect(hits).toMatchObject([{ detector: 'us_ssn', where: 'value', encoding: 'base64' }])
  })

  test('of bytes that are no text is left alone', () => {
    const bytes = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.from(ssn)])
    expect(findings({ type: 'image', data: bytes.toString('base64') })).toEqual([])
    expect(findings({ blob: Buffer.concat([Buffer.from(ssn.repeat(30)), Buffer.from([0xff])]).toString('base64') })).toEqual([])
  })

  test('is not looked for in other members', () => {
    expect(findings({ note: encoded(ssn), data: encoded(ssn) })).toEqual([])
  })
})

test('a member called __proto__ is a member like any other', () => {
  expect(findings(JSON.parse(`{"__proto__":{"a":"${ssn}"}}`) as Json).map(({ path }) => path)).toEqual(['/__proto__/a'])
})

test('own detectors read everything, short texts and small numbers too, and are named', () => {
  const own = createDetectors({ staff: (text) => (text.includes('S7') || text === '7' ? [{ start: 0, end: text.length }] : []) })
  const { findings: found, detectors: names } = scan({ a: 'S7', b: 7, S7: 1 }, own)
  expect(found.map(({ detector, path }) => [detector, path])).toEqual([
    ['staff', '/a'],
    ['staff', '/b'],
    ['staff', ''],
  ])
  expect(names).toEqual(['card_number', 'us_ssn', 'email', 'private_key', 'api_key', 'jwt', 'staff'])
})

test('an answer of 100 rows with three hits each is read in the time of a few of its lines', () => {
  const rows = Array.from({ length: 100 }, (_, id) => ({ id, name: `Customer ${id}`, email: `c${id}@example.com`, card: '4111 1111 1111 1111', ssn, note: 'a plain note, long enough to count' }))
  const body = { content: [{ type: 'text', text: JSON.stringify({ rows }) }], structuredContent: { rows } }
  expect(scan(body, detectors).hits).toHaveLength(303)
  for (let run = 0; run < 200; run++) scan(body, detectors)
  let best = Infinity
  for (let run = 0; run < 100; run++) {
    const before = process.threadCpuUsage()
    scan(body, detectors)
    const { user, system } = process.threadCpuUsage(before)
    best = Math.min(best, (user + system) / 1000)
  }
  // about 0.3 ms on the machine that this was measured on; the bar leaves room for a busy one
  expect(best).toBeLessThan(3)
})

describe('a scan after values were replaced', () => {
  const secret = fc.constantFrom<Json>(ssn, 'ada@example.com', `${ssn} ada@example.com`, '123456789', 123456789, Buffer.from(`${ssn} and more`).toString('base64'), 'plain', 7, null)
  const memberName = fc.constantFrom('ssn', 'a', 'data', 'blob', 'type', 'mimeType', ssn, '__proto__', '0')
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      secret,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.array(fc.tuple(memberName, tie('tree')), { maxLength: 4 }).map((pairs) => Object.fromEntries([['type', 'image'], ...pairs])),
    ),
  }))
  /** Puts another value at some places, none inside another. */
  function replaceSome(value: Json, choose: () => number, places: string[][], keys: string[] = []): Json {
    if (choose() % 4 === 0) {
      places.push(keys)
      return ([ssn, 'x', 'grace@example.com', 123456789] as const)[choose() % 4] as Json
    }
    if (Array.isArray(value)) return value.map((element: Json, index) => replaceSome(element, choose, places, [...keys, String(index)]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, replaceSome(member as Json, choose, places, [...keys, name])]))
  }
  const ordered = ({ hits }: Sighting) => hits.map((hit) => JSON.stringify(hit)).sort()

  test('finds what a scan of the whole body finds', () => {
    fc.assert(
      fc.property(tree, fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (before, choices) => {
        let next = 0
        const places: string[][] = []
        const after = replaceSome(before, () => choices[next++ % choices.length] as number, places) // in range
        const each: Replaced['each'] = (visit) => places.forEach((place) => visit(place, valueAt(after, place), undefined))
        const covers = (keys: readonly string[]) => places.some((place) => place.every((key, at) => keys[at] === key))
        expect(ordered(scanReplaced(scan(before, detectors), after, { each, covers }, detectors))).toEqual(ordered(scan(after, detectors)))
      }),
      { numRuns: 1000 },
    )
  })
})
