import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Actor, Call, Decision, JsonObject, JudgedMessage, Question } from '../../src/model.ts'

/** One line of `bundles/<name>/cases/*.yaml`. Exactly one of `call`, `prompt`, `read`, `answer`, `news`, `list`, `request`, `server_request` says what is asked. */
export interface Case {
  readonly name: string
  readonly who: string
  readonly call?: readonly [upstream: string, tool: string, given: JsonObject]
  readonly prompt?: readonly [upstream: string, name: string, given: JsonObject]
  readonly read?: readonly [upstream: string, uri: string]
  readonly answer?: readonly [upstream: string, tool: string]
  readonly news?: readonly [upstream: string, tool: string, method: string]
  readonly list?: readonly [upstream: string, tools: readonly string[]]
  readonly request?: string
  readonly server_request?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly met?: readonly string[]
  readonly findings?: readonly string[]
  readonly session?: Partial<Question['session']>
  readonly now?: string
  readonly want: Wanted
}
export interface Wanted {
  readonly kind?: Decision['kind']
  /** Rule ids. */
  readonly reasons?: readonly string[]
  readonly risk?: number
  readonly listed?: readonly number[]
  readonly ttl?: string
  /** Rule ids. */
  readonly requirements?: readonly string[]
}
export type People = Readonly<Record<string, { readonly kind: Actor['kind']; readonly groups: readonly string[]; readonly groups_known?: boolean }>>

export const readYaml = (path: URL): unknown => parse(readFileSync(path, 'utf8'))

const revision = '2025-11-25'
const request = (method: string, call?: Call): JudgedMessage => ({
  direction: 'to_server',
  kind: 'request',
  method,
  revision,
  ...(call ? { call } : {}),
  body: call ? { name: call.name, arguments: call.arguments } : {},
})
const toClient = (kind: JudgedMessage['kind'], method: string): JudgedMessage => ({ direction: 'to_client', kind, method, revision, body: {} })
const tool = (name: string, given: JsonObject = {}): Call => ({ kind: 'tool', name, arguments: given, annotations: {}, template: false })

type Asked = Pick<Question, 'message'> & Partial<Pick<Question, 'request' | 'entries'>> & { readonly upstream?: string }
function asked({ call, prompt, read, answer, news, list, request: method, server_request: serverMethod }: Case): Asked {
  if (call) return { upstream: call[0], message: request('tools/call', tool(call[1], call[2])) }
  if (prompt) return { upstream: prompt[0], message: request('prompts/get', { ...tool(prompt[1], prompt[2]), kind: 'prompt' }) }
  if (read) return { upstream: read[0], message: request('resources/read', { ...tool(read[1]), kind: 'resource' }) }
  if (answer) return { upstream: answer[0], message: toClient('result', 'tools/call'), request: request('tools/call', tool(answer[1])) }
  if (news) return { upstream: news[0], message: toClient('notification', news[2]), request: request('tools/call', tool(news[1])) }
  if (list) {
    const entries = list[1].map((name) => ({ kind: 'tool' as const, name, annotations: {}, template: false }))
    return { upstream: list[0], message: toClient('result', 'tools/list'), request: request('tools/list'), entries }
  }
  return { message: method === undefined ? toClient('request', serverMethod ?? '') : request(method) }
}

export function questionOf(one: Case, people: People): Question {
  const person = people[one.who]
  if (!person) throw new Error(`nobody is called ${one.who}`)
  const { upstream = 'crm', ...rest } = asked(one)
  const known = { subject: one.who, issuer: 'https://idp.example', provider: 'idp', groups_known: true, claims: {} }
  return {
    actor: (person.kind === 'nobody' ? { groups_known: true, ...person } : { ...known, ...person }) as Actor,
    upstream: { name: upstream, labels: one.labels ?? {} },
    session: { id: 'ses_1', started_at: '2026-11-21T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0, ...one.session },
    entries: [],
    findings: (one.findings ?? []).map((detector) => ({ detector, path: '/arguments', count: 1, confidence: 'high' })),
    ...(one.met ? { approval: approvalOf(one.met) } : {}),
    now: one.now ?? '2026-11-21T12:00:00.000Z',
    ...rest,
  }
}

const approvalOf = (rules: readonly string[]): NonNullable<Question['approval']> => ({
  id: 'apr_1',
  met: rules.map((rule) => ({ rule, reviewers: ['oncall'], quorum: 1 })),
  risk: 0,
  granted_by: ['bob'],
  at: '2026-11-21T12:00:00.000Z',
})
