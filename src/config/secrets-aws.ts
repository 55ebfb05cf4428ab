import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { AwsSecretSource } from '../fields.ts'
import { accepted, refused, type SecretRead } from './secret-read.ts'

export interface AwsReader {
  read(source: AwsSecretSource): Promise<SecretRead>
  close(): void
}

const patience = 15_000

const valueIn = (text: string, key: string | undefined): SecretRead => {
  if (key === undefined) return accepted(text)
  const missing = refused(`a secret without a text under the key ${key}`, 'a secret of JSON with that key')
  try {
    const content: unknown = JSON.parse(text)
    const value = typeof content === 'object' && content !== null && Object.hasOwn(content, key) ? (content as Record<string, unknown>)[key] : undefined
    return typeof value === 'string' ? accepted(value) : missing
  } catch {
    return missing
  }
}

/** AWS Secrets Manager, with whatever AWS's standard chain finds to sign with: environment, web identity, container, instance role. */
export const createAwsReader = (): AwsReader => {
  const clients = new Map<string, SecretsManagerClient>()
  return {
    async read({ id, key, region, endpoint }) {
      try {
        const { GetSecretValueCommand, SecretsManagerClient: Client } = await import('@aws-sdk/client-secrets-manager')
        const name = JSON.stringify([region, endpoint])
        const client = clients.get(name) ?? new Client({ region, maxAttempts: 2, requestHandler: { connectionTimeout: 5000, requestTimeout: 10_000 }, ...(endpoint === undefined ? {} : { endpoint }) })
        clients.set(name, client)
        const { SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: AbortSignal.timeout(patience) })
        return text === undefined ? refused('a secret of bytes', 'a secret of text') : valueIn(text, key)
      } catch (error) {
        // Its message may name accounts and requests; the name says what was wrong.
        return refused(`a secret that AWS Secrets Manager does not give (${(error as Error).name})`, 'a secret that the gateway may read')
      }
    },
    close() {
      for (const client of clients.values()) client.destroy()
      clients.clear()
    },
  }
}
