import { setTimeout as wait } from 'node:timers/promises'
import { createSender, modernHeaders, modernText } from '../../test/campaigns/client.ts'
import { connect } from '../../test/support/gateway.ts'
import { createPlainCalls } from '../faults/plain-calls.ts'
import { runaways } from '../faults/runaways.ts'

const call = (args: string) => modernText(1, 'tools/call', `"name":"large","arguments":${args}`)
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const ordinary = modernHeaders('tools/call', 'large')

/** What developers and attackers send: each is refused, quickly, and never a fault of the gateway. */
const bad: readonly { readonly body: string; readonly headers?: Readonly<Record<string, string>> }[] = [
  { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{}}' },
  { body: call('{"a":1,"a":2}') },
  { body: '{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{}}' },
  { body: `[${call('{}')},${call('{}')}]` },
  { body: `${call('{}')} {}` },
  { body: call('{"n":1e400}') },
  { body: call('{"s":"\\ud800"}') },
  { body: call(`{"d":${deep(65)}}`) },
  { body: deep(100_000) },
  { body: call('{"__proto__":{"role":"admin"}}').slice(0, -5) },
  { body: call('{}'), headers: { 'content-type': 'text/plain' } },
  { body: call('{}'), headers: { 'content-encoding': 'gzip' } },
  { body: 'x'.repeat(1024 * 1024 + 1) },
  { body: call('{}'), headers: { 'mcp-name': 'work' } },
  { body: call('{}'), headers: { 'mcp-method': 'tools/list' } },
  { body: '{"jsonrpc":"2.0","id":1,"result":{}}' },
  { body: modernText(1, 'x/y', ''), headers: { ...modernHeaders('x/y'), 'mcp-name': '' } },
  { body: call('{}'), headers: { origin: 'https://evil.example' } },
  { body: call('{}'), headers: { authorization: 'Bearer x.y.z' } },
]

export interface Hostile {
  readonly sent: number
  /** What was answered otherwise than by a refusal. */
  readonly wrong: readonly string[]
}

/** Bad messages, and now and then a call that makes the policy run away. */
export async function beHostile(url: string, tokens: readonly [string, string], perSecond: { readonly bad: number; readonly runaway: number }, until: AbortSignal): Promise<Hostile> {
  const sender = createSender(url, tokens[0])
  const calls = createPlainCalls(url, tokens[1])
  const wrong: string[] = []
  let sent = 0
  const check = (what: string, isRefused: boolean, seen: string) => {
    sent += 1
    if (!isRefused) wrong.push(`${what.slice(0, 100)}: ${seen.slice(0, 200)}`)
  }
  const repeat = async (rate: number, once: (at: number) => Promise<void>) => {
    const open = new Set<Promise<void>>()
    for (let at = 0; !until.aborted; at += 1) {
      const one = once(at)
      open.add(one)
      void one.then(() => open.delete(one))
      await wait(1_000 / rate)
    }
    await Promise.all(open)
  }
  await Promise.all([
    repeat(perSecond.bad, async (at) => {
      const { body, headers } = bad[at % bad.length] ?? { body: '' }
      await sender.send(body, { ...ordinary, ...headers }).then(
        ({ status, body: text }) => check(body, (status >= 400 && status < 500) || status === 503 || text.includes('"error"'), `${status} ${text}`),
        () => check(body, body.length > 1024 * 1024, 'cut off'), // what is too large is not read to its end
      )
    }),
    repeat(perSecond.runaway, async (at) => {
      const { name, pad } = runaways[at % runaways.length] ?? { name: '' }
      await calls.work(name, pad).then(({ status, body }) => check(name, body.includes('policy_error') || status === 503, `${status} ${body}`), (error: Error) => check(name, false, error.message))
    }),
  ])
  sender.close()
  calls.close()
  return { sent, wrong }
}

/** Sessions of the older era that come and go; every second one leaves without a word. */
export async function comeAndGo(url: string, tokens: readonly string[], perSecond: number, until: AbortSignal): Promise<number> {
  let count = 0
  for (; !until.aborted; count += 1) {
    const token = tokens[count % tokens.length] ?? ''
    const polite = count % 2 === 0
    void connect(url, token, '2025-11-25').then(async (client) => {
      await client.request('ping')
      if (polite) await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${token}`, 'mcp-session-id': client.session ?? '' } })
    }).catch(() => undefined) // told 503 where there is no room
    await wait(1_000 / perSecond)
  }
  return count
}
