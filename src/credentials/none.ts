import type { Credential, CredentialSource, Presented } from '../upstream/credential.ts'

const nothing: Presented = { headers: {}, renew: async () => false }
const noSecrets: readonly string[] = []
const credential: Credential = { present: () => nothing, secrets: () => noSecrets }

/** A server that wants no credential. */
export const noCredentials: CredentialSource = { of: () => credential }
