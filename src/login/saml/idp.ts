import { readFile } from 'node:fs/promises'
import type { Clock, Fetch, Logger } from '../../model.ts'
import { readCertificates, readMetadata, type Idp } from './metadata.ts'
import type { SamlSettings } from './settings.ts'

/** The identity provider as it is known now. */
export interface IdpSource {
  /** Undefined where nothing usable was ever read, or nothing that is still valid. */
  current(): Promise<Idp | undefined>
  /** After a signature that fits no certificate: true where others have been read since. Asks seldom, whoever calls. */
  renewed(): Promise<boolean>
}

/** Metadata is read again after so long, ... */
const freshFor = 60 * 60_000
/** ... what failed after so long, and no more often than that whatever is thrown at the gateway. */
const floor = 5 * 60_000
const firstRetry = 10_000

const certificatesIn = async (file: string): Promise<readonly string[]> => {
  const read = readCertificates(await readFile(file, 'utf8'))
  if (!read.ok) throw new Error(read.why)
  return read.all
}

export function createIdpSource(settings: SamlSettings, { fetch, clock, logger }: { readonly fetch: Fetch; readonly clock: Clock; readonly logger: Logger }): IdpSource {
  const { metadata, issuer, entry_point: entryPoint, logout_point: logout, certificate } = settings
  let known: Idp | undefined
  let nextAt = 0
  let triedAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  async function read(): Promise<Idp> {
    if (metadata === undefined) {
      if (issuer === undefined || entryPoint === undefined || certificate === undefined) throw new Error('settings that no check let pass')
      return { issuer, entryPoint, certificates: await certificatesIn(certificate.file), ...(logout === undefined ? {} : { logout: { requests: logout, responses: logout } }) }
    }
    const text = 'url' in metadata ? await download(metadata.url) : await readFile(metadata.file, 'utf8')
    const certificates = metadata.certificate === undefined ? {} : { certificates: await certificatesIn(metadata.certificate.file) }
    const got = readMetadata(text, { ...certificates, issuer, now: clock() })
    if (!got.ok) throw new Error(got.why)
    return got.idp
  }
  async function download(url: string): Promise<string> {
    const response = await fetch(url, { headers: { accept: 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8' } })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    return text
  }
  const readAnew = (): Promise<void> => {
    triedAt = clock()
    reading ??= read()
      .then((idp) => {
        known = idp
        nextAt = clock() + freshFor
      })
      .catch((cause: unknown) => {
        nextAt = clock() + (known === undefined ? firstRetry : floor)
        logger.warn('the metadata of an identity provider could not be read', { provider: settings.name, cause: cause instanceof Error ? cause.message.slice(0, 300) : String(cause) })
      })
      .finally(() => {
        reading = undefined
      })
    return reading
  }

  return {
    async current() {
      if (clock() >= nextAt) {
        const done = readAnew()
        // What is known serves until something newer is there.
        if (known === undefined) await done
      }
      return known?.validUntil !== undefined && known.validUntil <= clock() ? undefined : known
    },
    async renewed() {
      if (clock() < triedAt + floor) return false
      const before = known?.certificates.join()
      await readAnew()
      return known?.certificates.join() !== before
    },
  }
}
