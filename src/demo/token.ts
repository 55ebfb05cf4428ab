import { peopleClient, type Persona, personaGrant, personas } from './personas.ts'
import type { DemoState } from './state.ts'

export const findPersona = (name: string): Persona | undefined => personas.find((persona) => persona.name === name)

/** `api`, or `mcp/<upstream>`: whom a token is for. */
export const isAudience = (text: string): boolean => text === 'api' || /^mcp\/[a-z0-9][a-z0-9_-]*$/.test(text)

/** People who answer or audit talk to the API, the others to the CRM. */
export const usualAudience = ({ name }: Persona): string => (name === 'reviewer' || name === 'auditor' ? 'api' : 'mcp/crm')

/** Jobs use their own credential (RFC 6749 section 4.4); for people the demo itself asks. */
const grantFor = ({ issuer, name, subject }: Persona) =>
  issuer === 'ci' ? { grant_type: 'client_credentials', client_id: subject } : { grant_type: personaGrant, client_id: peopleClient, persona: name }

/** Asks the identity provider of a running demo for a token for one resource (RFC 8707). */
export async function askToken(state: DemoState, persona: Persona, audience: string): Promise<string> {
  const resource = `${state.url}/${audience === 'api' ? 'api/v1' : audience}`
  const response = await fetch(`${state.issuers[persona.issuer]}/token`, {
    method: 'POST',
    body: new URLSearchParams({ ...grantFor(persona), client_secret: state.secret, resource }),
    signal: AbortSignal.timeout(10_000),
  })
  const answer = (await response.json()) as { readonly access_token?: string; readonly error?: string; readonly error_description?: string }
  if (answer.access_token === undefined) throw new Error(`the demo's identity provider gave no token: ${answer.error_description ?? answer.error ?? response.status}`)
  return answer.access_token
}
