/** What a provider documents of itself; whatever the configuration says goes before. */
export interface Preset {
  readonly scopes: readonly string[]
  /** The claim that lists groups; undefined where the provider has none, so that groups stay unknown. */
  readonly groups: string | undefined
  readonly secret_method: 'basic' | 'post'
  /** Sent with every authorization request. */
  readonly parameters: Readonly<Record<string, string>>
  readonly title: string
}

const standard = ['openid', 'profile', 'email']

export const presets = {
  okta: { title: 'Okta', scopes: [...standard, 'groups', 'offline_access'], groups: 'groups', secret_method: 'basic', parameters: {} },
  entra: { title: 'Microsoft', scopes: [...standard, 'offline_access'], groups: 'groups', secret_method: 'post', parameters: {} },
  // Google gives a refresh token for `access_type=offline` only, and after the first time only with `prompt=consent`.
  google: { title: 'Google', scopes: standard, groups: undefined, secret_method: 'post', parameters: { access_type: 'offline', prompt: 'consent' } },
  keycloak: { title: 'Keycloak', scopes: standard, groups: 'groups', secret_method: 'basic', parameters: {} },
  // Auth0 takes claims of one's own only under the name of a URL.
  auth0: { title: 'Auth0', scopes: [...standard, 'offline_access'], groups: undefined, secret_method: 'post', parameters: {} },
} as const satisfies Readonly<Record<string, Preset>>

export type PresetName = keyof typeof presets
export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]] // the keys of the literal above

export const plain: Preset = { title: '', scopes: standard, groups: 'groups', secret_method: 'basic', parameters: {} }
