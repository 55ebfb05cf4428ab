import type { z } from 'zod'
import { approval, approvalPage, approvalQuery, approveBody, denyBody } from './approval.ts'
import type { Role } from '../../model.ts'
import { me } from './me.ts'
import { endBody, peoplePage, signedIn } from './people.ts'
import { bundleMedia, keptBundles, policy, policyActs, rollbackBody } from './policy.ts'
import { recordedPage, recordedQuery } from './recorded.ts'
import { eventPage, eventQuery, session, sessionPage, sessionQuery } from './session.ts'
import { upstreamPage } from './upstream.ts'

export interface Operation {
  readonly method: 'get' | 'post'
  /** Express spelling: `:id`. */
  readonly path: string
  readonly summary: string
  /** `anyone` is anyone with a token; what they see may still depend on who they are. */
  readonly roles: 'anyone' | readonly Role[]
  readonly query?: z.ZodObject
  readonly body?: z.ZodObject
  readonly answer?: z.ZodType
  /** What it answers where that is not JSON. */
  readonly media?: string
}

const everyRole = ['viewer', 'reviewer', 'auditor', 'operator'] as const
const watchers = ['viewer', 'auditor', 'operator'] as const

/** Every operation of the admin API: routes, authorisation and the OpenAPI document are made from it. */
export const operations = {
  listSessions: { method: 'get', path: '/sessions', summary: 'Recorded sessions, newest first', roles: watchers, query: sessionQuery, answer: sessionPage },
  getSession: { method: 'get', path: '/sessions/:id', summary: 'One session', roles: watchers, answer: session },
  listEvents: { method: 'get', path: '/sessions/:id/events', summary: 'The messages of a session in order, masked', roles: watchers, query: eventQuery, answer: eventPage },
  listApprovals: { method: 'get', path: '/approvals', summary: 'Approvals: all for reviewers and auditors, else the caller\'s own', roles: 'anyone', query: approvalQuery, answer: approvalPage },
  getApproval: { method: 'get', path: '/approvals/:id', summary: 'One approval', roles: 'anyone', answer: approval },
  approve: { method: 'post', path: '/approvals/:id/approve', summary: 'Consent to a held call', roles: ['reviewer'], body: approveBody, answer: approval },
  deny: { method: 'post', path: '/approvals/:id/deny', summary: 'Refuse a held call', roles: ['reviewer'], body: denyBody, answer: approval },
  getPolicy: { method: 'get', path: '/policy', summary: 'The active bundle and the last run of the pipeline', roles: everyRole, answer: policy },
  listRecorded: { method: 'get', path: '/policy/recorded', summary: 'Decisions of all sessions in the order in which they were recorded, with what they depended on', roles: ['auditor', 'operator'], query: recordedQuery, answer: recordedPage },
  getPolicyBundle: { method: 'get', path: '/policy/bundle', summary: 'The active bundle, as a server of OPA\'s bundle API: ETag, If-None-Match and Prefer: wait=SECONDS', roles: everyRole, media: bundleMedia },
  listPolicyBundles: { method: 'get', path: '/policy/bundles', summary: 'Bundles that were active and can be gone back to, newest first', roles: everyRole, answer: keptBundles },
  listPolicyActs: { method: 'get', path: '/policy/acts', summary: 'Who went back to which bundle and why, newest first', roles: watchers, answer: policyActs },
  rollbackPolicy: { method: 'post', path: '/policy/rollback', summary: 'Make an older bundle active, or let the source decide again', roles: ['operator'], body: rollbackBody, answer: policy },
  listUpstreams: { method: 'get', path: '/upstreams', summary: 'The MCP servers behind the gateway', roles: everyRole, answer: upstreamPage },
  listPeople: { method: 'get', path: '/people', summary: 'Who is signed in through a provider, newest first', roles: ['auditor', 'operator'], answer: peoplePage },
  endPerson: { method: 'post', path: '/people/:id/end', summary: 'Sign somebody out everywhere: browsers, tokens, running sessions and streams', roles: ['operator'], body: endBody, answer: signedIn },
  getMe: { method: 'get', path: '/me', summary: 'Who the caller is, and in which roles', roles: 'anyone', answer: me },
  getOpenapi: { method: 'get', path: '/openapi.json', summary: 'This document', roles: 'anyone' },
} as const satisfies Record<string, Operation>
