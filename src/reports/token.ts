import type { ReportToken } from '../bundle/report/endpoint.ts'
import { createLiveSecrets } from '../config/secrets-live.ts'
import { createSecretReader } from '../config/secrets.ts'
import { fitsHeader } from '../config/secret-read.ts'
import type { SecretSource } from '../fields.ts'

/** The token of a server of reports: what it was at the start, and where the next one will stand. */
export interface TokenOrder {
  /** Where the configuration says it. */
  readonly path: string
  readonly source: SecretSource
  readonly value: string
  readonly directory: string
  /** Milliseconds after which it is read again. */
  readonly every: number
}
export interface LiveToken extends ReportToken {
  close(): Promise<void>
}

/** Read again and again, and as soon as its server refuses it. */
export const createReportToken = ({ path, source, value, directory, every }: TokenOrder): LiveToken => {
  const reader = createSecretReader(directory, process.env)
  const secrets = createLiveSecrets({
    initial: () => value, read: reader.read, every,
    accepts: (_, text) => fitsHeader(text),
    tell: { changed: () => undefined, failed: () => undefined }, // the reports fail, and that is told
  })
  const { value: now, version, renewed } = secrets.of(path, source)
  return {
    value: now, version, renewed,
    async close() {
      secrets.close()
      await reader.close()
    },
  }
}
