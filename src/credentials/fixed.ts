import type { LiveSecret } from '../config/secrets-live.ts'
import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { Credential, CredentialSource, Presented } from '../upstream/credential.ts'

type FixedSettings = Extract<CredentialSettings, { kind: 'bearer' | 'header' | 'basic' }>
interface Made {
  readonly name: string
  readonly value: string
  /** What must not be echoed of it. */
  readonly bare: readonly string[]
}

/** The setting that says where it comes from, and what is made of it (RFC 6750 section 2.1, RFC 7617 section 2). */
function makerOf(settings: FixedSettings): { readonly secret: string; readonly make: (value: string) => Made } {
  switch (settings.kind) {
    case 'bearer':
      return { secret: 'token', make: (token) => ({ name: 'authorization', value: `Bearer ${token}`, bare: [token] }) }
    case 'header':
      return { secret: 'value', make: (value) => ({ name: settings.name.toLowerCase(), value, bare: [value] }) }
    case 'basic':
      return {
        secret: 'password',
        make(password) {
          const pair = `${settings.username}:${password}`
          const value = `Basic ${Buffer.from(pair).toString('base64')}`
          return { name: 'authorization', value, bare: [value, pair, password] }
        },
      }
  }
}

/** One header for all callers; made anew only when the secret is another. */
export function createFixedCredentials(settings: FixedSettings, secretOf: (name: string) => LiveSecret): CredentialSource {
  const { secret: name, make } = makerOf(settings)
  const secret = secretOf(name)
  const madeNow = () => {
    const version = secret.version()
    const { name: header, value, bare } = make(secret.value())
    const presented: Presented = { headers: { [header]: value }, renew: () => secret.renewed(version) }
    return { version, presented, secrets: [...new Set([...bare, ...secret.former().flatMap((old) => make(old).bare)])] }
  }
  let made = madeNow()
  const current = () => (made.version === secret.version() ? made : (made = madeNow()))
  const credential: Credential = { present: () => current().presented, secrets: () => current().secrets }
  return { of: () => credential }
}
