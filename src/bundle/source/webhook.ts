import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The signature of one delivery while its body is read. Only the signature says anything: nothing of the body is believed. */
export interface Delivery {
  update(part: Uint8Array): void
  /** Whether whoever sent it knows the secret. */
  holds(): boolean
}

/** Standard Webhooks: an older or later delivery is somebody's copy. */
const tolerance = 5 * 60_000

/** Equal in a time that says nothing of where they differ. */
const isSame = (given: Uint8Array, wanted: Uint8Array): boolean => {
  const key = randomBytes(32)
  const digest = (bytes: Uint8Array): Buffer => createHmac('sha256', key).update(bytes).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

const never: Delivery = { update: () => undefined, holds: () => false }

/** An HMAC with SHA-256 over `before` and the body; one of `given` must be it. */
const signed = (key: string | Buffer, given: readonly Buffer[], before = ''): Delivery => {
  const hmac = createHmac('sha256', key).update(before)
  return {
    update: (part) => void hmac.update(part),
    holds: () => {
      const wanted = hmac.digest()
      return given.filter((one) => isSame(one, wanted)).length > 0
    },
  }
}
const fromHex = (text: string): readonly Buffer[] => (/^[0-9a-f]{64}$/i.test(text) ? [Buffer.from(text, 'hex')] : [])

type Form = (header: (name: string) => string | undefined, secret: string, now: number) => Delivery | undefined

/** Standard Webhooks, as GitLab signs with a signing token. */
const standard: Form = (header, secret, now) => {
  const [id, timestamp, signatures] = [header('webhook-id'), header('webhook-timestamp'), header('webhook-signature')]
  if (signatures === undefined || !secret.startsWith('whsec_')) return undefined
  if (id === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1000) > tolerance) return never
  const given = signatures.split(' ').flatMap((one) => (/^v1,[A-Za-z0-9+/]{43}=$/.test(one) ? [Buffer.from(one.slice(3), 'base64')] : []))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  // Everybody knows the empty key.
  return key.length === 0 ? never : signed(key, given, `${id}.${timestamp}.`)
}
/** GitHub, and Gitea and Forgejo beside their own; older ones of GitHub are SHA-1 and say nothing, Bitbucket's are of this form too. */
const hub = (name: string): Form => (header, secret) => {
  const value = header(name)
  return value === undefined || value.startsWith('sha1=') ? undefined : signed(secret, value.startsWith('sha256=') ? fromHex(value.slice('sha256='.length)) : [])
}
const bare = (name: string): Form => (header, secret) => {
  const value = header(name)
  return value === undefined ? undefined : signed(secret, fromHex(value))
}
/** GitLab without a signing token sends the secret itself. */
const token: Form = (header, secret) => {
  const value = header('x-gitlab-token')
  return value === undefined ? undefined : { update: () => undefined, holds: () => isSame(Buffer.from(value), Buffer.from(secret)) }
}

/** The stronger ones first: the first that a delivery has must hold, whatever else it has. */
const forms: readonly Form[] = [standard, hub('x-hub-signature-256'), bare('x-forgejo-signature'), bare('x-gitea-signature'), hub('x-hub-signature'), token]

/** What a delivery must agree with, or undefined where it carries no signature at all. */
export const openDelivery = (headers: IncomingHttpHeaders, secret: string, now: number): Delivery | undefined => {
  const header = (name: string): string | undefined => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(',') : value
  }
  for (const form of forms) {
    const delivery = form(header, secret, now)
    if (delivery !== undefined) return delivery
  }
  return undefined
}
