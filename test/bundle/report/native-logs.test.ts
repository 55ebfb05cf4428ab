import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { createOpa } from '../../../src/bundle/opa.ts'
import { createLogFilter, type LogFilter } from '../../../src/bundle/report/log-rules.ts'
import { findNativeOpa } from '../native-opa.ts'
import { directoryOf } from '../support.ts'

// Rules about decision logs, asked by OPA's own plugin in a running server and by the gateway's upload: the same rules and the same event
// must become the same text. The events bring the masks with them, so that one server sees thousands of them.

const modules = {
  'test/test.rego': 'package test\n\necho := input.result\n',
  'system/log/log.rego': `package system.log

drop if input.input.drop == true

mask contains each if some each in input.input.masks

mask contains "/input/always" if startswith(input.path, "test/")
`,
}
interface Event {
  readonly decision_id: string
  readonly input?: unknown
  readonly result?: unknown
  readonly erased?: readonly string[]
  readonly masked?: readonly string[]
}
const native = findNativeOpa()
const compared = native === undefined ? describe.skip : describe
const directory = mkdtempSync(join(tmpdir(), 'native-logs-'))
const socket = join(directory, 'opa.sock')
const logged = new Map<string, Event>()
const arrivals = new EventTarget()
let server: http.Server
let process_: ChildProcess
let filter: LogFilter

const ask = (input: object): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = http.request({ socketPath: socket, path: '/v1/data/test/echo', method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part)).once('end', () => resolve((JSON.parse(text) as { decision_id: string }).decision_id)).once('error', reject)
    })
    request.once('error', reject).end(JSON.stringify({ input }))
  })
const sent = async (id: string): Promise<void> => {
  while (!logged.has(id)) await new Promise((arrived) => arrivals.addEventListener('arrived', arrived, { once: true }))
}
/** OPA prints null in the place of all of it in one chunk, and leaves it out in the next. */
const shown = ({ input, result, erased, masked }: Event) => ({ input: input ?? undefined, result: result ?? undefined, erased, masked })
/** What the gateway's upload would send of it; what it sends bare OPA does not send. */
const ours = (input: { readonly result?: unknown }): ReturnType<typeof shown> | 'nothing' => {
  const passed = filter(JSON.stringify({ decision_id: 'x', path: 'test/echo', input, ...(input.result === undefined ? {} : { result: input.result }), timestamp: '2026-01-01T00:00:00Z' }))
  return passed.kind === 'sent' ? shown(JSON.parse(passed.text) as Event) : 'nothing'
}

const name = fc.constantFrom('a', 'b', 'c', '0', '1', '01', '-1', '~', '~1', 'é')
const step = fc.oneof({ weight: 8, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom('', '%41', '7', 'x y', 'a?b') })
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>('text', 1, 0.5, true, null, ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))
const path = fc.tuple(fc.constantFrom('input', 'input', 'input', 'result', 'nd_builtin_cache'), fc.array(step, { maxLength: 4 })).map((steps) => `/${steps.flat().join('/')}`)
const wellFormed = fc.oneof(path, fc.record({ op: fc.constantFrom('remove', 'upsert'), path }), fc.record({ op: fc.constant('upsert'), path, value }))
const odd = fc.oneof(fc.constantFrom<unknown>('', 'input/a', '/labels', '/input/%zz', 3, null, ['/input'], { op: 'replace', path: '/input/a' }, { path: '/input/a' }, { op: 'remove' }, { op: 1, path: '/input' }))
const event = fc.record({
  masks: fc.oneof({ weight: 9, arbitrary: fc.array(wellFormed, { maxLength: 4 }) }, { weight: 1, arbitrary: fc.array(fc.oneof(wellFormed, odd), { minLength: 1, maxLength: 3 }) }),
  a: value, b: value, '0': value, always: value, result: value, drop: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constantFrom<unknown>(true, 'yes') }),
}, { requiredKeys: ['masks'] })

compared('what is sent of an event', () => {
  beforeAll(async () => {
    server = http.createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      for (const each of JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as Event[]) logged.set(each.decision_id, each)
      response.writeHead(200).end()
      arrivals.dispatchEvent(new Event('arrived'))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const config = { services: { logs: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }, decision_logs: { service: 'logs', reporting: { min_delay_seconds: 1, max_delay_seconds: 1 } } }
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
    const source = await directoryOf(modules)
    process_ = spawn(native ?? '', ['run', '--server', '--addr', `unix://${socket}`, '--config-file', join(directory, 'config.json'), '--log-format', 'json', source], { stdio: 'ignore' })
    const ended = new Promise<never>((_, reject) => process_.once('exit', () => reject(new Error('opa ended'))))
    ended.catch(() => undefined)
    const isUp = (): Promise<boolean> => ask({ masks: [] }).then(() => true, () => false)
    while (!(await Promise.race([isUp(), ended]))) await pause(50)
    const opa = createOpa()
    const entrypoints = ['system/log/drop', 'system/log/mask']
    const built = await opa.build({ modules, entrypoints })
    await opa.close()
    if (!built.ok) throw new Error(JSON.stringify(built.problems))
    filter = await createLogFilter({ wasm: built.result.wasm, entrypoints, data: '{}' })
  })
  afterAll(async () => {
    process_?.kill()
    await new Promise((done) => server?.close(done))
    rmSync(directory, { recursive: true, force: true })
  })

  test('is the same', async () => {
    const inputs = fc.sample(event, { numRuns: 3_000, seed: 1 })
    const ids: string[] = []
    for (const input of inputs) ids.push(await ask(input))
    await sent(await ask({ masks: [] }))
    const differ = inputs.flatMap((input, at) => {
      const theirs = logged.get(ids[at] ?? '')
      const wanted = theirs === undefined ? 'nothing' : shown(theirs)
      const got = ours(input)
      return isSame(got, wanted) || isFound(input) ? [] : [{ input, opa: wanted, ours: got }]
    })
    const small = differ.toSorted((a, b) => JSON.stringify(a).length - JSON.stringify(b).length).slice(0, 3).map((each) => JSON.stringify(each))
    expect([differ.length, ...small]).toEqual([0])
    expect(inputs.filter((input) => ours(input) !== 'nothing').length).toBeGreaterThan(2_000)
    expect(ids.filter((id) => logged.get(id)?.erased !== undefined).length).toBeGreaterThan(500)
  })
})

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
const sorted = (value_: unknown): unknown => {
  if (Array.isArray(value_)) return value_.map(sorted)
  return typeof value_ === 'object' && value_ !== null ? Object.fromEntries(Object.entries(value_).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)])) : value_
}
/** A name that OPA writes otherwise it never finds; here it is found, and hidden. A drop that is no boolean OPA sends. */
const isFound = ({ masks, drop }: { readonly masks: readonly unknown[]; readonly drop?: unknown }): boolean => drop === 'yes' || /é|x y|a\?b|%41/.test(JSON.stringify(masks))
