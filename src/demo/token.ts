import { type Persona, personas } from './personas.ts'
import type { DemoState } from './state.ts'

export const findPersona = (name: string): Persona | undefined => personas.find((persona) => persona.name === name)

/** `api`, or `mcp/<upstream>`: whom a token is for. */
export const isAudience = (text: string): boolean => text === 'api' || /^mcp\/[a-z0-9][a-z0-9_-]*$/.test(text)

/** People who answer or audit talk to the API, the others to the CRM. */
export const usualAudience = ({ name }: Persona): string => (name === 'reviewer' || name === 'auditor' ? 'api' : 'mcp/crm')

/** Asks the identity provider of a running demo for a token (RFC 6749 section 4.4, RFC 8707). */
export async function askToken(state: DemoState, persona: Persona, audience: string): Promise<string> {
  const resource = `${state.url}/${audience === 'api' ? 'api/v1' : audience}`
  const response = await fetch(`${state.issuers[persona.issuer]}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: persona.subject, client_secret: state.secret, resource }),
    signal: AbortSignal.timeout(10_000),
  })
  const answer = (await response.json()) as { readonly access_token?: string; readonly error?: string; readonly error_description?: string }
  if (answer.access_token === undefined) throw new Error(`the demo's identity provider gave no token: ${answer.error_description ?? answer.error ?? response.status}`)
  return answer.access_token
}
