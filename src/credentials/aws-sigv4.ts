import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { GatewayError } from '../errors.ts'
import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { Credential, CredentialSource, Outgoing, Presented } from '../upstream/credential.ts'
import type { CredentialParts } from './parts.ts'

type Settings = Extract<CredentialSettings, { kind: 'aws_sigv4' }>
interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}
type Bytes = string | ArrayBuffer | ArrayBufferView

const asBytes = (data: Bytes): string | Uint8Array =>
  typeof data === 'string' ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

class Sha256 {
  readonly #secret: Bytes | undefined
  #hash: Hash | Hmac

  constructor(secret?: Bytes) {
    this.#secret = secret
    this.#hash = this.#begin()
  }
  #begin(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', asBytes(this.#secret))
  }
  update(data: Bytes): void {
    this.#hash.update(asBytes(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    this.#hash = this.#begin()
  }
}

/** Every request is signed as it is sent (AWS Signature Version 4). */
export function createAwsSignatures(settings: Settings, { upstream, secret, clock, tell }: CredentialParts): CredentialSource {
  const { service, region, access_key_id: id } = settings
  const key = id === undefined ? undefined : secret('secret_access_key')
  const session = settings.session_token_from === undefined ? undefined : secret('session_token')
  let standard: Promise<() => Promise<Keys>> | undefined
  let seen: Keys | undefined
  let guarded: readonly string[] = []

  const keysNow = async (): Promise<Keys> => {
    if (id !== undefined && key !== undefined) return { accessKeyId: id, secretAccessKey: key.value(), ...(session === undefined ? {} : { sessionToken: session.value() }) }
    // It keeps what it found until shortly before that expires.
    standard ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) => defaultProvider())
    return (await standard)()
  }
  const note = (keys: Keys) => {
    if (seen?.secretAccessKey === keys.secretAccessKey && seen.sessionToken === keys.sessionToken) return
    guarded = [...new Set([keys.secretAccessKey, ...(keys.sessionToken === undefined ? [] : [keys.sessionToken]), ...guarded])].slice(0, 6)
    seen = keys
  }
  const sign = async ({ method, url, headers, body }: Outgoing): Promise<Presented> => {
    const versions = [key?.version() ?? 0, session?.version() ?? 0] as const
    const keys = await keysNow()
    note(keys)
    const { protocol, hostname, port, host, pathname, searchParams } = new URL(url)
    const signer = new SignatureV4({ service, region, credentials: keys, sha256: Sha256 })
    const request = {
      method, protocol, hostname, path: pathname, query: Object.fromEntries([...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)])),
      headers: { ...headers, host }, body: body ?? '', ...(port === '' ? {} : { port: Number(port) }),
    }
    const { headers: signed } = await signer.sign(request, { signingDate: new Date(clock()) })
    const own = Object.fromEntries(Object.entries(signed).filter(([name]) => name !== 'host' && !Object.hasOwn(headers, name)))
    return { headers: own, renew: async () => (await key?.renewed(versions[0])) === true || (await session?.renewed(versions[1])) === true }
  }
  const credential: Credential = {
    present: (outgoing) =>
      sign(outgoing).catch((cause: unknown) => {
        tell('failed')
        throw new GatewayError('upstream_unreachable', { cause, detail: `nothing to sign with for ${upstream}: ${String((cause as Error).name)}` })
      }),
    secrets: () => guarded,
  }
  return { of: () => credential }
}
