import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

export interface Sealing {
  /** HMAC-SHA-256 of the text, hex. */
  digest(text: string): string
  seal(text: string, about: readonly string[]): Uint8Array
  /** Undefined if anything is not as it was sealed: the bytes, the key, or what they are about. */
  open(sealed: Uint8Array, about: readonly string[]): string | undefined
}

const version = 1
const nonceBytes = 12
const tagBytes = 16

/** What the derived keys are for: no two uses share one. */
export interface SealingUses {
  readonly seal: string
  readonly digest: string
}

/** AES-256-GCM and HMAC-SHA-256 under two keys of their own, derived from the store's key (RFC 5869). */
export function createSealing(key: Uint8Array, uses: SealingUses): Sealing {
  if (key.length !== 32) throw new RangeError('the store key must have 32 bytes')
  const derive = (name: string): Buffer => Buffer.from(hkdfSync('sha256', key, '', `sallyport ${name} 1`, 32))
  const sealKey = derive(uses.seal)
  const digestKey = derive(uses.digest)
  // A list of strings printed as JSON cannot be read as another list.
  const bound = (about: readonly string[]): Buffer => Buffer.from(JSON.stringify([version, ...about]))

  return {
    digest: (text) => createHmac('sha256', digestKey).update(text).digest('hex'),
    seal(text, about) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce, { authTagLength: tagBytes }).setAAD(bound(about))
      const body = [cipher.update(text, 'utf8'), cipher.final()]
      return new Uint8Array(Buffer.concat([Buffer.of(version), nonce, ...body, cipher.getAuthTag()]))
    },
    open(sealed, about) {
      if (sealed.length < 1 + nonceBytes + tagBytes || sealed[0] !== version) return undefined
      try {
        const decipher = createDecipheriv('aes-256-gcm', sealKey, sealed.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes })
        decipher.setAAD(bound(about)).setAuthTag(sealed.subarray(-tagBytes))
        const body = decipher.update(sealed.subarray(1 + nonceBytes, -tagBytes))
        return Buffer.concat([body, decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
