import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { createCaller } from '../../scripts/faults/caller.ts'
import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import { loadSettings } from '../../src/config/load.ts'
import { createCore } from '../../src/core/core.ts'
import { createServer, listenOn } from '../../src/listening.ts'
import type { BuiltBundle } from '../../src/policy/bundle.ts'
import { until } from '../support/conditions.ts'
import { quiet } from '../support/gateway.ts'
import { writeGatewayFiles } from '../support/gateway-files.ts'
import { json, startStubServer } from '../support/stub-server.ts'

// The active bundle changes every 50 ms, where the machine can do that: one refuses what the other lets pass. What the server got, what is recorded and what clients got tell the same.

const opa = createOpa()
afterAll(() => opa.close())
/** Lets pass all but what begins with this letter. */
const without = async (letter: string): Promise<BuiltBundle> => {
  const text = `package policies.words\n\nallow if input.actor.kind == "person"\n\ndeny contains {"code": "letter"} if sallyport.matches(\`^${letter}\`, sallyport.arg("nonce"))\n`.replace('\n\n', '\n\nimport data.sallyport\n\n')
  const read = await sourcesOf(new Map([['policies/words/words.rego', text]]), { revision: letter })
  const built = read.ok ? await buildBundle(read.sources, { ...(await readBuildOptions()), opa }) : read
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  return (built as { readonly bundle: BuiltBundle }).bundle
}
interface Row {
  readonly exchange: string
  readonly direction: string
  readonly kind: string
  readonly outcome: string
  readonly bundle: string
  readonly message: string
}

test('whatever the moment, a call is judged, sent and recorded by one bundle', async () => {
  const stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.id === undefined) return void response.writeHead(202).end()
    if (message.method === 'tools/list') return json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', tools: [{ name: 'work', inputSchema: { type: 'object' } }] } })
    json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', content: [{ type: 'text', text: `did ${message.params.arguments.nonce}.` }] } })
  })
  const files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url } }, rego: {}, settings: { workers: 1, logging: { level: 'error' } } })
  const loaded = await loadSettings(files.config, { PATH: process.env['PATH'], HOME: process.env['HOME'] })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const [a, b] = await Promise.all([without('a'), without('b')]) as [BuiltBundle, BuiltBundle]
  const core = await createCore({
    settings: loaded.settings, secrets: loaded.secrets, logger: quiet,
    surroundings: { policy: () => ({}), look: () => undefined, bundle: async () => undefined, desk: () => { throw new Error('nobody goes back') }, missing: (own) => own(), printMetrics: (own) => own.print() },
  })
  const server = createServer(core.app)
  const callers = await Promise.all(['a', 'b'].map(async (letter) => createCaller(files.mcp('stub'), await Promise.all([1, 2, 3].map((n) => files.token({ subject: `${letter}${n}`, groups: [] }, 'stub'))), letter)))
  try {
    await core.engine.activate(a)
    await core.recover()
    await listenOn(server, loaded.settings.listen.host, loaded.settings.listen.port)
    const over = new AbortController()
    let switched = 0
    const flapping = (async () => {
      for (; !over.signal.aborted; switched += 1) {
        const next = switched % 2 === 0 ? b : a
        await Promise.all([core.engine.load(next), pause(50)])
        await core.engine.activate(next)
      }
    })()
    const loads = callers.map((caller) => caller.load(100, over.signal, 50))
    await until(() => switched >= 12 && callers.every(({ calls }) => calls.length >= 100), 200_000).finally(() => over.abort())
    await Promise.all([...loads, flapping])
    await core.drain([server])
    expect(await core.metrics.print()).toMatch(/^sallyport_unjudged_total 0$/m)
    await core.close()

    const db = new DatabaseSync(join(files.directory, 'sallyport.db'), { readOnly: true })
    const rows = db.prepare("SELECT exchange, direction, kind, outcome, bundle, message FROM event WHERE method = 'tools/call' ORDER BY n").all() as unknown as Row[]
    db.close()
    const arrived = Map.groupBy(stub.messages().filter(({ method }) => method === 'tools/call'), ({ params }) => String((params?.['arguments'] as { nonce?: string })?.nonce))
    const told = Map.groupBy(rows, ({ exchange }) => exchange)
    const passes = (nonce: string): string => (nonce.startsWith('a') ? b : a).digest
    const differences: string[] = []
    const counts = { forwarded: 0, denied: 0, answered: 0 }
    const recorded = new Set<string>()
    for (const events of told.values()) {
      const intents = events.filter(({ direction, kind }) => direction === 'to_server' && kind === 'request')
      const nonce = String(JSON.parse(intents[0]?.message ?? '{}').params?.arguments?.nonce)
      if (recorded.has(nonce)) differences.push(`${nonce}: in two exchanges`)
      recorded.add(nonce)
      for (const { bundle, outcome } of events) if (![a.digest, b.digest].includes(bundle as never)) differences.push(`${nonce}: ${outcome} by ${bundle}`)
      // The last one counts: one before it was taken back when the bundle changed on the way.
      for (const { outcome, bundle } of intents) if ((outcome === 'forwarded') !== (bundle === passes(nonce))) differences.push(`${nonce}: ${outcome} by the other bundle`)
      const isSent = intents.at(-1)?.outcome === 'forwarded'
      counts[isSent ? 'forwarded' : 'denied'] += 1
      if ((arrived.get(nonce)?.length ?? 0) !== (isSent ? 1 : 0)) differences.push(`${nonce}: recorded as ${isSent ? '' : 'not '}sent, arrived ${arrived.get(nonce)?.length ?? 0} times`)
      const answer = events.findLast(({ direction, kind }) => direction === 'to_client' && kind === 'result')
      const call = callers.flatMap(({ calls }) => calls).find((one) => one.nonce === nonce)
      const isAnswered = call?.body.includes(`did ${nonce}.`) === true
      if (isAnswered) counts.answered += 1
      if (isAnswered !== (answer?.outcome === 'forwarded' && answer.message.includes(`did ${nonce}.`))) differences.push(`${nonce}: ${isAnswered ? 'answered, not recorded' : 'recorded, not answered'} (${call?.status} ${call?.trouble ?? ''}) ${JSON.stringify(events.map(({ direction, kind, outcome, bundle }) => [direction, kind, outcome, bundle === a.digest ? 'a' : 'b']))}`)
    }
    for (const nonce of arrived.keys()) if (!recorded.has(nonce)) differences.push(`${nonce}: sent and not recorded`)
    expect(differences).toEqual([])
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(10)
  } finally {
    for (const caller of callers) caller.close()
    await core.close()
    await stub.close()
    rmSync(files.directory, { recursive: true, force: true })
  }
})
