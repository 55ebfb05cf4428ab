// What a client sees of a refusal, always as an answer to its own request (HTTP 200): an agent's model can read a tool's
// result and act on it, while most clients lose an HTTP error's body.
import type { Decision, Json, JsonObject, Reason, Request } from '../model.ts'

export interface RefusalFacts {
  readonly decisionId: string
  /** The call ran at the server, and its answer is withheld. */
  readonly executed: boolean
  readonly approval?: { readonly id: string; /** RFC 3339. */ readonly expiresAt: string }
  /** Where a person can follow the approval. */
  readonly follow?: string
}
export interface OwnAnswer {
  readonly envelope: JsonObject
}

const deniedCode = -33001
const visitFirst = -32042

/** A policy's denial; also of an answer, then with `executed`. */
export function refusalFor(request: Request, decision: Decision, facts: RefusalFacts): OwnAnswer {
  const fate = facts.executed ? 'The call was executed, but its answer is withheld.' : 'The call was not executed.'
  const opening = facts.executed ? 'The answer was refused by policy' : 'Refused by policy'
  return refused(request, decision, facts, opening, fate)
}

/** A call that waits for its reviewers longer than a client can wait for an answer. */
export function pendingFor(request: Request, decision: Decision, facts: RefusalFacts): OwnAnswer {
  const { approval, follow } = facts
  const named = approval === undefined ? '' : ` (approval ${approval.id}, pending until ${approval.expiresAt})`
  const again =
    request.method === 'tools/call'
      ? 'Call the same tool again with the same arguments to continue.'
      : 'Send the same request again, unchanged, to continue.'
  const where = follow === undefined ? '' : ` Follow it at ${follow}.`
  return refused(request, decision, facts, `Approval is needed${named}`, `The call has not been executed yet. ${again}${where}`)
}

/** A call that its caller's own account at the server has to be opened for, on a page. MCP 2025-11-25 client/elicitation, "URL Elicitation Required Error". */
export function visitFor(request: Request, decision: Decision, facts: RefusalFacts, visit: { readonly message: string; readonly link: string } | undefined): OwnAnswer {
  if (visit === undefined) return refused(request, decision, facts, 'The call cannot be made yet', 'The call was not executed.')
  const { message, link } = visit
  return errorFor(request, visitFirst, message, { elicitations: [{ mode: 'url', elicitationId: facts.decisionId, url: link, message }] })
}

/** MCP 2026-07-28 basic/patterns/mrtr: the client sends the same request again, with the state and without asking anybody. The Go SDK takes an answer without `inputRequests` for the last. */
export const waitingFor = (request: Request, decision: Decision, facts: RefusalFacts, requestState: string): OwnAnswer => ({
  envelope: { jsonrpc: '2.0', id: request.id, result: { resultType: 'input_required', inputRequests: {}, requestState, _meta: { 'sallyport/decision': decisionOf(decision, facts) } } },
})

function refused(request: Request, decision: Decision, facts: RefusalFacts, opening: string, closing: string): OwnAnswer {
  const told = decisionOf(decision, facts)
  const text = `${opening}: ${decision.reasons.map(sentenceOf).join('; ')}. ${closing}`
  if (request.method !== 'tools/call') return errorFor(request, deniedCode, text, told)
  const result: JsonObject = {
    ...(isModern(request) && { resultType: 'complete' }),
    content: [{ type: 'text', text }],
    isError: true,
    _meta: { 'sallyport/decision': told },
  }
  return { envelope: { jsonrpc: '2.0', id: request.id, result } }
}

/** `_meta["sallyport/decision"]`. */
export function decisionOf(decision: Decision, { decisionId, executed, approval, follow }: RefusalFacts): JsonObject {
  return {
    kind: decision.kind,
    reasons: decision.reasons.map(reasonOf),
    decision_id: decisionId,
    executed,
    ...(approval && { approval_id: approval.id, expires_at: approval.expiresAt }),
    ...(follow !== undefined && { follow }),
  }
}

/** Written member by member, so that nothing but these ever reaches a client. */
function reasonOf({ code, message, rule, title, description, remedy, link }: Reason): JsonObject {
  const members: readonly (readonly [string, string | undefined])[] = [
    ['code', code],
    ['message', message],
    ['rule', rule],
    ['title', title],
    ['description', description],
    ['remedy', remedy],
    ['link', link],
  ]
  return Object.fromEntries(members.filter((pair): pair is readonly [string, string] => pair[1] !== undefined))
}

function sentenceOf({ code, message, title, remedy, link }: Reason): string {
  const what = withoutStop(message ?? title ?? code)
  const named = what === code ? code : `${what} (${code})`
  const help = [remedy === undefined ? [] : `What to do: ${withoutStop(remedy)}`, link === undefined ? [] : `See ${link}`].flat()
  return [named, ...help].join('. ')
}
const withoutStop = (text: string): string => text.replace(/[.\s]{1,8}$/, '')

/** Not allowed is unknown: nothing tells whether the server has it. Without data. */
export function unknownFor(request: Request): OwnAnswer {
  switch (unknownKind(request)) {
    case 'tool':
      return errorFor(request, -32602, `Unknown tool: ${nameOf(request)}`)
    case 'prompt':
      return errorFor(request, -32602, `Unknown prompt: ${nameOf(request)}`)
    case 'resource':
      return errorFor(request, isModern(request) ? -32602 : -32002, 'Resource not found')
    case 'task':
      return errorFor(request, -32602, 'Task not found')
    case 'method':
      return unknownMethodFor(request)
  }
}

/** JSON-RPC 2.0 section 5.1. */
export const unknownMethodFor = (request: Request): OwnAnswer => errorFor(request, -32601, 'Method not found')

function unknownKind(request: Request): 'tool' | 'prompt' | 'resource' | 'task' | 'method' {
  if (request.method.startsWith('tasks/')) return 'task'
  if (request.call !== undefined) return request.call.kind
  const byMethod: Readonly<Record<string, 'tool' | 'prompt' | 'resource'>> = {
    'tools/call': 'tool',
    'prompts/get': 'prompt',
    'resources/read': 'resource',
    'resources/subscribe': 'resource',
    'resources/unsubscribe': 'resource',
  }
  return Object.hasOwn(byMethod, request.method) ? (byMethod[request.method] ?? 'method') : 'method'
}

function nameOf(request: Request): string {
  if (request.call !== undefined) return request.call.name
  const name = request.body['name']
  return typeof name === 'string' ? name : ''
}

/** What a server is told, on the client's behalf, when its own request may not pass: no more than a client would say. */
export function refusedServerRequest(request: Request): OwnAnswer {
  // sampling: the code and words of the specification's own example
  if (request.method === 'sampling/createMessage') return errorFor(request, -1, 'User rejected sampling request')
  return unknownMethodFor(request)
}

function errorFor(request: Request, code: number, message: string, data?: Json): OwnAnswer {
  return { envelope: { jsonrpc: '2.0', id: request.id, error: { code, message, ...(data !== undefined && { data }) } } }
}

const isModern = (request: Request): boolean => request.revision === '2026-07-28'
