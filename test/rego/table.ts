import { readdirSync, readFileSync } from 'node:fs'
import type { Json, JsonObject } from '../../src/model.ts'

/** One file of `semantics/`: what is refused about it, and what it would do if it were not. */
export interface Refusal {
  readonly name: string
  readonly text: string
  readonly refused: string
  readonly without: string
  readonly question: JsonObject
  /** `<kind>`, or `deny <code>` with the first reason's code; `fault` where the module does not even compile. */
  readonly answer: string
  readonly data: JsonObject
}

const folder = new URL('./semantics/', import.meta.url)

export function readRefusals(): readonly Refusal[] {
  return readdirSync(folder).sort().map((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const lines = text.split('\n').filter((line) => line.startsWith('# ')).map((line) => line.slice(2).split(/: (.*)/))
    const head = Object.fromEntries(lines.map(([key = '', value = '']) => [key, value])) as Record<string, string>
    const { refused = '', without = '', asked = '{}', answer = '', data = '{}' } = head
    return { name, text, refused, without, answer, question: questionOf(JSON.parse(asked) as Asked), data: JSON.parse(data) as JsonObject }
  })
}

interface Asked {
  readonly name: string
  readonly arguments: JsonObject
  readonly groups?: readonly string[]
  readonly groups_known?: boolean
  readonly findings?: Json
}

/** A call of a tool by somebody in support. */
export function questionOf({ name, arguments: given, groups = ['support'], groups_known = true, findings = [] }: Asked): JsonObject {
  return {
    actor: { kind: 'person', subject: 'ann', issuer: 'https://idp.example', provider: 'idp', groups, groups_known, claims: {} },
    upstream: { name: 'crm', labels: {} },
    session: { id: 'ses_1', started_at: '2026-11-21T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
    message: {
      direction: 'to_server',
      kind: 'request',
      method: 'tools/call',
      revision: '2025-11-25',
      call: { kind: 'tool', name, arguments: given, annotations: {}, template: false },
      body: { name, arguments: given },
    },
    entries: [],
    findings,
    now: '2026-11-21T12:00:00.000Z',
  }
}
