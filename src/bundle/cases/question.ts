import type { Actor, Call, Decision, JsonObject, JudgedMessage, Question } from '../../model.ts'
import type { Case, People, Wanted } from './shape.ts'

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
  if (call) return { upstream: call[0], message: request('tools/call', tool(call[1], call[2] as JsonObject)) }
  if (prompt) return { upstream: prompt[0], message: request('prompts/get', { ...tool(prompt[1], prompt[2] as JsonObject), kind: 'prompt' }) }
  if (read) return { upstream: read[0], message: request('resources/read', { ...tool(read[1]), kind: 'resource' }) }
  if (answer) return { upstream: answer[0], message: toClient('result', 'tools/call'), request: request('tools/call', tool(answer[1])) }
  if (news) return { upstream: news[0], message: toClient('notification', news[2]), request: request('tools/call', tool(news[1])) }
  if (list) {
    const entries = list[1].map((name) => ({ kind: 'tool' as const, name, annotations: {}, template: false }))
    return { upstream: list[0], message: toClient('result', 'tools/list'), request: request('tools/list'), entries }
  }
  return { message: method === undefined ? toClient('request', serverMethod ?? '') : request(method) }
}

const actorOf = (who: string, person: People[string]): Actor => {
  const known = { subject: who, issuer: 'https://idp.example', provider: 'idp', groups_known: true, claims: {} }
  return (person.kind === 'nobody' ? { groups_known: true, ...person } : { ...known, ...person }) as Actor // the shapes of people.yaml and Actor agree
}
const approvalOf = (rules: readonly string[]): NonNullable<Question['approval']> => ({
  id: 'apr_1',
  met: rules.map((rule) => ({ rule, reviewers: ['oncall'], quorum: 1 })),
  risk: 0,
  granted_by: ['bob'],
  at: '2026-11-21T12:00:00.000Z',
})

/** The question that a case asks; undefined where nobody is called so. */
export function questionOf(one: Case, people: People): Question | undefined {
  // A question is plain JSON; what a person left out of it the policy finds missing.
  if (one.input !== undefined) return { entries: [], findings: [], ...one.input } as unknown as Question
  const person = one.who === undefined || !Object.hasOwn(people, one.who) ? undefined : people[one.who]
  if (!person || one.who === undefined) return undefined
  const { upstream = 'crm', ...rest } = asked(one)
  return {
    actor: actorOf(one.who, person),
    upstream: { name: upstream, labels: one.labels ?? {} },
    session: { id: 'ses_1', started_at: '2026-11-21T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0, ...(one.session as Partial<Question['session']>) },
    entries: [],
    findings: (one.findings ?? []).map((detector) => ({ detector, path: '/arguments', count: 1, confidence: 'high' })),
    ...(one.met ? { approval: approvalOf(one.met) } : {}),
    now: one.now ?? '2026-11-21T12:00:00.000Z',
    ...rest,
  }
}

/** What a decision says of the things that a case wants to know, in the case's words. */
export function told(decision: Decision, want: Wanted): Wanted {
  const masks = 'mask' in decision ? decision.mask ?? [] : []
  const approval = decision.kind === 'require_approval' ? decision.approval : undefined
  const all: Required<{ [K in keyof Wanted]: Wanted[K] | undefined }> = {
    kind: decision.kind,
    reasons: decision.reasons.map(({ rule }) => rule).sort(),
    risk: decision.risk,
    listed: decision.listed,
    ttl: approval?.ttl,
    requirements: approval?.requirements.map(({ rule }) => rule).sort(),
    masks: masks.map((mask) => ('detector' in mask ? mask.detector : mask.path)).sort(),
  }
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => name in want && value !== undefined))
}

const sorted = (values: readonly string[] | undefined): readonly string[] | undefined => values && [...values].sort()
/** The order of rules and masks says nothing. */
export const inOrder = ({ reasons, requirements, masks, ...want }: Wanted): Wanted => ({
  ...want,
  ...(reasons ? { reasons: sorted(reasons) } : {}),
  ...(requirements ? { requirements: sorted(requirements) } : {}),
  ...(masks ? { masks: sorted(masks) } : {}),
})
