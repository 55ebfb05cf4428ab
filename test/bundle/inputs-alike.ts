import type { Json, JsonObject } from '../../src/model.ts'
import { oneOf, steps, type Random } from './ways-of-reading.ts'

const values: readonly Json[] = ['a', 'b', 'kind', 'crm', 'tool', 'jwt', 'person', '', 0, 1, true, false, null, [], ['a', 'b'], {}, { a: 'b', 'a/b': 1 }, { kind: 'a', a: ['a'] }]

type Node = Record<string, Json> | Json[]
const isNode = (value: Json): value is Json & Node => typeof value === 'object' && value !== null
const nodesOf = (value: Json): readonly Node[] => (isNode(value) ? [value, ...Object.values(value).flatMap(nodesOf)] : [])

/** Inputs of few values, each the same as one before but for one place: one that is there, is missing, or has been added. */
export function createInputs(random: Random, { odd }: { readonly odd: boolean }): () => JsonObject {
  const known: JsonObject[] = Array.from({ length: 6 }, () => input(random))
  return () => {
    const before = oneOf(random, known)
    if (random() < 0.4) return before
    const copy = structuredClone(before) as Record<string, Json>
    const node = oneOf(random, nodesOf(copy))
    change(random, node, odd || node === copy['findings'])
    const held = odd ? copy : { ...copy, entries: Array.isArray(copy['entries']) ? copy['entries'] : [] }
    if (random() < 0.3) known.push(held)
    return held
  }
}

function change(random: Random, node: Node, odd: boolean): void {
  const value = structuredClone(oneOf(random, values))
  if (Array.isArray(node)) {
    if (node.length > 0 && random() < 0.4) node.splice(Math.floor(random() * node.length), 1)
    else node.push(node.length > 0 && random() < 0.8 ? structuredClone(oneOf(random, node)) : value)
    return
  }
  const name = Object.keys(node).length > 0 && random() < 0.8 ? oneOf(random, Object.keys(node)) : oneOf(random, steps)
  if (odd && random() < 0.3) delete node[name]
  else if (odd || typeof node[name] === typeof value || !(name in node)) node[name] = value
}

function input(random: Random): JsonObject {
  const isAnswer = random() < 0.4
  const open = (): JsonObject => Object.fromEntries(Array.from({ length: Math.floor(random() * 8) }, () => [oneOf(random, steps), oneOf(random, values)]))
  const call = (): JsonObject => ({ kind: oneOf(random, ['tool', 'prompt']), name: oneOf(random, ['a', 'b', 'kind']), arguments: open(), annotations: random() < 0.5 ? {} : open(), template: false })
  const message = (direction: string, kind: string): JsonObject =>
    ({ direction, kind, method: oneOf(random, ['tools/call', 'tools/list']), revision: '2025-11-25', ...(kind === 'request' ? { call: call() } : {}), body: open() })
  const finding = (): JsonObject => ({ detector: oneOf(random, ['jwt', 'jwt', 'a']), path: oneOf(random, ['/a', '/b', '/c']), count: oneOf(random, [1, 1, 2]), confidence: oneOf(random, ['low', 'high']) })
  return {
    actor: { kind: oneOf(random, ['person', 'person', 'service']), subject: oneOf(random, ['a', 'b']), groups: ['a', 'crm'].filter(() => random() < 0.6), groups_known: true, ...(random() < 0.5 ? { email: 'a' } : {}), claims: open() },
    upstream: { name: oneOf(random, ['crm', 'a']), labels: random() < 0.5 ? { tier: 'a' } : {} },
    session: { id: 'ses_a', client: random() < 0.5 ? { name: oneOf(random, ['a', 'kind', 'detector']) } : {}, calls: oneOf(random, [0, 1]) },
    message: message(isAnswer ? 'to_client' : 'to_server', isAnswer ? 'result' : 'request'),
    ...(isAnswer ? { request: message('to_server', 'request') } : {}),
    entries: Array.from({ length: Math.floor(random() * 3) }, () => ({ kind: 'tool', name: oneOf(random, ['a', 'b']), annotations: open(), template: false })),
    findings: Array.from({ length: Math.floor(random() * 6) }, finding),
    ...(random() < 0.3 ? { approval: { id: 'apr_a', met: [{ rule: 'a', reviewers: ['a'], quorum: 1 }], risk: 1, granted_by: ['a'], at: 'a' } } : {}),
    now: oneOf(random, ['2026-11-21T12:00:00.000Z', '2026-11-21T22:00:00.000Z']),
  }
}
