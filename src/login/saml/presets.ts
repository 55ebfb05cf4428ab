import type { nameIdFormats } from './names.ts'

export interface SamlPreset {
  readonly title: string
  readonly groups: string
  readonly email: string
  readonly name: string
  /** `any`: none is asked for; the provider has it in its own configuration. */
  readonly nameId: keyof typeof nameIdFormats | 'any'
}

const claims = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims'

/** Names of attributes as each provider documents them, or as its page of ours says to enter them. */
export const samlPresets = {
  adfs: { title: 'AD FS', groups: 'http://schemas.xmlsoap.org/claims/Group', email: `${claims}/emailaddress`, name: `${claims}/name`, nameId: 'any' },
  entra: { title: 'Microsoft', groups: 'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups', email: `${claims}/emailaddress`, name: 'http://schemas.microsoft.com/identity/claims/displayname', nameId: 'persistent' },
  okta: { title: 'Okta', groups: 'groups', email: 'email', name: 'name', nameId: 'any' },
  keycloak: { title: 'Keycloak', groups: 'member', email: 'urn:oid:1.2.840.113549.1.9.1', name: 'name', nameId: 'persistent' },
  google: { title: 'Google', groups: 'groups', email: 'email', name: 'name', nameId: 'any' },
} as const satisfies Readonly<Record<string, SamlPreset>>

export const plain: SamlPreset = { title: '', groups: 'groups', email: 'email', name: 'name', nameId: 'persistent' }

export const samlPresetNames = Object.keys(samlPresets) as (keyof typeof samlPresets)[]

/** Entra names this in place of the groups where they are more than 150. */
export const overageAttribute = 'http://schemas.microsoft.com/claims/groups.link'
