import { readdirSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { until } from '../support/conditions.ts'
import { connect } from '../support/gateway.ts'
import { writeGatewayFiles } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { mcpAnswers, startStubServer } from '../support/stub-server.ts'

const rounds = 2
const policyFor = (word: string) => `package policies.words\n\nallow if {\n\tinput.message.method == "tools/call"\n\tinput.message.call.name == "${word}"\n}\n`

test('a gateway that is killed when a bundle was kept and does not judge yet comes back whole, without its source too', async () => {
  const words = Array.from({ length: rounds + 1 }, (_, round) => `word${round}`)
  const stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: words.map((name) => ({ name, inputSchema: { type: 'object' } })) }), 'tools/call': () => ({ content: [{ type: 'text', text: 'done' }] }) }))
  const policy = 'policies/words/words.rego'
  const files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url } }, rego: { [policy]: policyFor('word0') }, settings: { workers: 1, logging: { level: 'error' } } })
  const bundles = join(files.directory, 'sallyport.db.bundles')
  const allowed = async (): Promise<readonly string[]> => {
    const client = await connect(files.mcp('stub'), await files.token({ subject: 'caller', groups: [] }, 'stub'), '2025-06-18')
    const answers = await Promise.all(words.map((name) => client.request('tools/call', { name, arguments: {} })))
    return words.filter((_, at) => answers[at]?.result !== undefined && answers[at].result['isError'] !== true)
  }
  let gateway: GatewayProcess | undefined
  try {
    gateway = await startGatewayProcess(files)
    for (let round = 1; round <= rounds; round += 1) {
      const before = words[round - 1] ?? ''
      expect(await allowed()).toEqual([before])
      // The index is renamed into its place once the bundle is on the disk; loading it takes far longer than to be told of that.
      const kept = new Promise<void>((resolve) => {
        const watching = watch(bundles, (_, name) => {
          if (name !== 'index.json') return
          process.kill(gateway?.pid ?? 0, 'SIGKILL')
          watching.close()
          resolve()
        })
      })
      files.writePolicy(policy, policyFor(words[round] ?? ''))
      await kept
      expect(await gateway.ended).toBe('SIGKILL')

      files.writePolicy(policy, 'this is no policy')
      gateway = await startGatewayProcess(files)
      expect([[before], [words[round]]]).toContainEqual(await allowed())
      files.writePolicy(policy, policyFor(words[round] ?? ''))
      await until(async () => (await allowed())[0] === words[round], 120_000)
    }
    await gateway.kill('SIGTERM')
    const db = new DatabaseSync(join(files.directory, 'sallyport.db'), { readOnly: true })
    const named = db.prepare("SELECT DISTINCT bundle FROM event WHERE bundle LIKE 'bnd_%'").all().map((row) => `${row['bundle']}.tar.gz`)
    db.close()
    expect(named.length).toBeGreaterThan(1)
    expect(named.filter((name) => !readdirSync(bundles).includes(name))).toEqual([])
  } finally {
    await gateway?.kill('SIGKILL')
    await stub.close()
    rmSync(files.directory, { recursive: true, force: true })
  }
})
