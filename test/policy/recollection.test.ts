import { fileURLToPath } from 'node:url'
import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../src/bundle/options.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import type { BundleDigest, JsonObject, Question } from '../../src/model.ts'
import type { BuiltBundle } from '../../src/policy/bundle.ts'
import { createPolicyEngine, type PolicyEngine } from '../../src/policy/engine.ts'
import { createRecollection, type Kept } from '../../src/policy/recollection.ts'
import { directoryOf } from '../bundle/support.ts'
import { createLog, createRandom, question } from './support.ts'

const decided: Kept = { verdict: { ok: false, detail: 'a verdict' }, fuel: 1 }
const asking = (method: string, now = '2026-11-21T00:00:00.000Z'): Question => question({}, { now, message: { direction: 'to_server', kind: 'request', method, revision: '2025-06-18', body: {} } })

describe('what was decided is found', () => {
  const recollect = (): ReturnType<typeof createRecollection> => createRecollection({ varying: ['/now'], settled: ['/message/method'] })
  const placeOf = (recollection: ReturnType<typeof createRecollection>, asked: Question): NonNullable<ReturnType<typeof recollection.placeOf>> => {
    const place = recollection.placeOf(asked)
    if (place === undefined) throw new Error('not looked for')
    return place
  }

  test('where all that is settled is the same, and the varying sets say the same', () => {
    const recollection = recollect()
    recollection.keep(placeOf(recollection, asking('ping')), 'set()', decided)
    const later = placeOf(recollection, asking('ping', '2027-01-01T00:00:00.000Z'))
    expect(later).toMatchObject({ settled: { text: '{"message":{"method":"ping"}}' }, varying: '{"now":"2027-01-01T00:00:00.000Z"}' })
    expect(recollection.find(later, 'set()')).toBe(decided)
    expect(recollection.find(later, '{1}')).toBeUndefined()
    expect(recollection.find(placeOf(recollection, asking('tools/list')), 'set()')).toBeUndefined()
    recollection.clear()
    expect(recollection.find(later, 'set()')).toBeUndefined()
  })

  test('not where texts are long, and the oldest is let go when there are many', () => {
    const recollection = recollect()
    expect(recollection.placeOf(asking('x'.repeat(40_000)))).toBeUndefined()
    expect(recollection.placeOf(asking('ping', 'x'.repeat(70_000)))).toBeUndefined()
    const first = placeOf(recollection, asking('ping'))
    recollection.keep(first, 'x'.repeat(5000), decided)
    expect(recollection.find(first, 'x'.repeat(5000))).toBeUndefined()
    recollection.keep(first, 'set()', decided)
    for (let at = 0; at < 400; at += 1) recollection.keep(placeOf(recollection, asking(`${at} ${'x'.repeat(4000)}`)), 'set()', decided)
    expect(recollection.find(first, 'set()')).toBeUndefined()
    expect(recollection.find(placeOf(recollection, asking(`399 ${'x'.repeat(4000)}`)), 'set()')).toBe(decided)
    // Who began before it was let go puts nothing where nobody counts it, and what comes later is kept anew.
    recollection.keep(first, 'set()', decided)
    expect(recollection.find(first, 'set()')).toBeUndefined()
    recollection.keep(placeOf(recollection, asking('ping')), 'set()', decided)
    expect(recollection.find(placeOf(recollection, asking('ping')), 'set()')).toBe(decided)
  })

  test('as many as fit in all, however short what the varying sets say is', () => {
    const recollection = recollect()
    const said = Array.from({ length: 10_000 }, (_, at) => `{${at}}`)
    for (const one of said) recollection.keep(placeOf(recollection, asking('ping')), one, decided)
    const place = placeOf(recollection, asking('ping'))
    const found = said.filter((one) => recollection.find(place, one) !== undefined)
    expect(found.length).toBeGreaterThan(100)
    expect(found.length).toBeLessThan(2100)
  })

  test('nothing is looked for a while when nothing is ever found, and then again', () => {
    const recollection = recollect()
    let looked = 0
    for (let at = 0; at < 2000; at += 1) {
      const place = recollection.placeOf(asking(`${at}`))
      if (place === undefined) continue
      looked += 1
      expect(recollection.find(place, 'set()')).toBeUndefined()
    }
    expect(looked).toBeGreaterThan(100)
    expect(looked).toBeLessThan(400)
  })
})

describe('with the policies of the demo', () => {
  const { logger } = createLog()
  /** How much of each question was printed: of one that is recalled, what is settled and what varies. */
  const printed = { recalling: [] as number[], forgetful: [] as number[] }
  let recalling: PolicyEngine
  let forgetful: PolicyEngine
  let built: BuiltBundle

  beforeAll(async () => {
    const read = await readDirectory(fileURLToPath(new URL('../../rego/', import.meta.url)))
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const opa = createOpa()
    const result = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
    await opa.close()
    if (!result.ok) throw new Error(JSON.stringify(result.problems))
    built = result.bundle
    const { recall: _, ...without } = built
    recalling = createPolicyEngine({ detectors: shippedDetectors, logger, observe: ({ bytes }) => printed.recalling.push(bytes) })
    forgetful = createPolicyEngine({ detectors: shippedDetectors, logger, observe: ({ bytes }) => printed.forgetful.push(bytes) })
    await recalling.activate(built)
    await forgetful.activate(without)
  })
  afterAll(() => Promise.all([recalling?.close(), forgetful?.close()]))

  /** Few values for each member, so that questions often agree in one part and differ in another. */
  const createQuestions = (seed: number): (() => Question) => {
    const random = createRandom(seed)
    const pick = <T,>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
    const message = (direction: 'to_server' | 'to_client', kind: Question['message']['kind'], method: string): Question['message'] => {
      const given: JsonObject = pick([{ sql: 'SELECT 1 LIMIT 1' }, { sql: 'SELECT 2 LIMIT 2' }, { sql: 'DROP TABLE a' }, { sql: 'SELECT a' }, { limit: 5 }, { limit: 5000 }, { path: '../a' }, {}])
      const call = { kind: 'tool' as const, name: pick(['query', 'query', 'export_customers', 'move_file']), arguments: given, annotations: pick([{}, { destructiveHint: true }]), template: false }
      return { direction, kind, method, revision: '2026-07-28', ...(method === 'tools/call' && kind === 'request' ? { call } : {}), body: random() < 0.1 ? { inputRequests: { a: { method: 'roots/list' } } } : {} }
    }
    return () => {
      const method = pick(['tools/call', 'tools/call', 'tools/list'])
      const isAnswer = random() < 0.5
      const known = question().actor as Exclude<Question['actor'], { readonly kind: 'nobody' }>
      return question({}, {
        actor: { ...known, subject: pick(['ann', 'bob']), groups: pick([['support'], ['support'], ['oncall'], ['ci', 'pii-readers']]), groups_known: random() < 0.98 },
        upstream: { name: pick(['crm', 'crm', 'files']), labels: random() < 0.1 ? { asks: 'allowed' } : {} },
        session: { ...question().session, denied: pick([0, 0, 25]), bytes_out: Math.floor(random() * 1000) },
        message: message(isAnswer ? 'to_client' : 'to_server', isAnswer ? 'result' : 'request', method),
        ...(isAnswer ? { request: message('to_server', 'request', method) } : {}),
        entries: isAnswer && method === 'tools/list' ? pick([[], [{ kind: 'tool', name: 'query', annotations: {}, template: false }, { kind: 'tool', name: 'write_file', annotations: {}, template: false }]]) : [],
        findings: pick([[], [], [{ detector: 'api_key', path: '/a', count: 1, confidence: 'high' }]]),
        ...(random() < 0.1 ? { approval: { id: 'apr_1', met: pick([[], [{ rule: 'crm/require_approval/bulk_extract', reviewers: ['oncall'], quorum: 1 }]]), risk: pick([0, 100]), granted_by: ['bob'], at: '2026-11-21T12:00:00.000Z' } } : {}),
        now: `2026-11-21T${pick(['12', '12', '22'])}:00:00.${100 + Math.floor(random() * 900)}Z`,
      })
    }
  }

  test('a call like the one before is not judged whole, and what differs in what a rule reads is not taken for it', async () => {
    const call = (sql: string, groups = ['support']): Question => {
      const arguments_ = { sql }
      const known = question().actor as Exclude<Question['actor'], { readonly kind: 'nobody' }>
      return question({}, {
        actor: { ...known, groups },
        now: '2026-11-21T12:00:00.000Z',
        message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-11-25', call: { kind: 'tool', name: 'query', arguments: arguments_, annotations: {}, template: false }, body: { name: 'query', arguments: arguments_ } },
      })
    }
    expect((await recalling.decide(call('SELECT 1 LIMIT 1'))).kind).toBe('allow')
    const whole = printed.recalling.at(-1)
    expect((await recalling.decide(call('SELECT 2 LIMIT 1'))).kind).toBe('allow')
    expect(printed.recalling.at(-1)).not.toBe(whole)
    expect((await recalling.decide(call('DROP TABLE customers'))).reasons[0]?.rule).toBe('crm/deny/destructive_sql')
    expect((await recalling.decide(call('SELECT 2 LIMIT 1', ['stranger']))).reasons[0]?.rule).toBe('sallyport/not_allowed')
    expect((await recalling.decide(call('SELECT 3 LIMIT 1'))).kind).toBe('allow')
  })

  test('decisions that are recalled are those that judging anew gives', async () => {
    const next = createQuestions(7)
    const differing: unknown[] = []
    const kinds = new Set<string>()
    for (let at = 0; at < 1500; at += 1) {
      const asked = next()
      const [recalled, anew] = await Promise.all([recalling.decide(asked), forgetful.decide(asked)])
      kinds.add(recalled.kind)
      if (JSON.stringify(recalled) !== JSON.stringify(anew)) differing.push({ asked, recalled, anew })
    }
    expect(differing).toEqual([])
    expect([...kinds].sort()).toEqual(['allow', 'deny', 'mask', 'require_approval'])
    expect(printed.recalling.filter((bytes, at) => bytes !== printed.forgetful[at]).length).toBeGreaterThan(300)
  })

  test('what one bundle decided is not what the next one says', async () => {
    const other: BundleDigest = `bnd_${'f'.repeat(32)}`
    const asked = question({}, { message: { direction: 'to_server', kind: 'request', method: 'ping', revision: '2025-06-18', body: {} } })
    expect((await recalling.decide(asked)).bundle).toBe(built.digest)
    await recalling.activate({ ...built, digest: other })
    expect((await recalling.decide(asked)).bundle).toBe(other)
  })
})

test('a permission that rests on what a set says of other messages is asked anew when that may differ', async () => {
  const policy = [
    'package policies.hours',
    'allow if count(deny) == 0',
    'deny contains {"code": "late"} if { input.message.method == "tools/call"; input.message.kind == "request"; sallyport.hour(input.now) > 20 }',
  ]
  const root = await directoryOf({ 'hours.rego': [policy[0], 'import data.sallyport', ...policy.slice(1)].join('\n\n') })
  const read = await readDirectory(root)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const opa = createOpa()
  const result = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
  await opa.close()
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const engine = createPolicyEngine({ detectors: shippedDetectors, logger: createLog().logger })
  await engine.activate(result.bundle)
  const listAt = (now: string): Question => {
    const list = { method: 'tools/list', revision: '2025-06-18', body: {} } as const
    return question({}, {
      now,
      request: { direction: 'to_server', kind: 'request', ...list },
      message: { direction: 'to_client', kind: 'result', ...list },
      entries: [{ kind: 'tool', name: 'query', annotations: {}, template: false }],
    })
  }
  expect((await engine.decide(listAt('2026-11-21T12:00:00.000Z'))).listed).toEqual([0])
  expect((await engine.decide(listAt('2026-11-21T22:00:00.000Z'))).listed).toEqual([])
  await engine.close()
})
