import { reportWithin, urlOf } from '../bundle/report/endpoint.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import { tlsOfReport } from '../config/tls.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { Tls } from '../outbound/send.ts'
import type { TokenOrder } from './token.ts'

/** A server of reports, as text that crosses to a thread. */
export interface ServerOrder {
  readonly url: string
  readonly tls?: Tls
  readonly token?: TokenOrder
}

type Report = 'decision_logs' | 'status'

export function serverOf(report: Report, said: NonNullable<Settings['policy'][Report]>, { directory, secrets: { refresh } }: Settings, secrets: Secrets): ServerOrder {
  const at = `policy.${report}` as const
  const tls = tlsOfReport(said, secrets, at)
  const path = `${at}.credentials.token` as const
  return {
    url: urlOf(said, report === 'status' ? 'status' : 'logs'),
    ...(said.credentials === undefined ? {} : { token: { path, source: said.credentials.token_from, value: secrets.get(path), directory, every: refresh } }),
    ...(tls === undefined ? {} : { tls }),
  }
}

export const fetchOf = ({ url, tls }: ServerOrder, outbound: Outbound) => outbound.fetchFor({ purpose: 'reports', configured: [url], within: reportWithin, tls })
