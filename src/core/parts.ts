import { createApprovals, type Approvals } from '../approval/approval.ts'
import { createShadow, type Shadow } from '../bundle/compare/shadow.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Detectors } from '../detect/index.ts'
import { redactText } from '../enforce/redact.ts'
import { createIdentity, type Identity } from '../identity/identity.ts'
import { createKept } from '../kept.ts'
import { createLogger } from '../logging.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import type { Clock, Ids, Logger, Sighting } from '../model.ts'
import { createOutbound, type Outbound } from '../outbound/outbound.ts'
import { createPolicyEngine, type PolicyEngine } from '../policy/engine.ts'
import type { Recorder } from '../record/recorder.ts'
import { stores } from '../store/index.ts'
import { scopesOf } from '../upstream/scopes.ts'
import { detectorsOf } from './detectors.ts'
import { openPeople, type People } from './people.ts'
import { createRecording } from './recording.ts'
import type { Surroundings } from './surroundings.ts'
import { createUpstreams, type Upstreams } from './upstreams.ts'

export interface PartsOptions {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly logger?: Logger
  readonly clock: Clock
  readonly ids: Ids
  readonly surroundings: Pick<Surroundings, 'member'>
}
/** What holds something that must be given back: files, sockets, threads, timers. */
export interface Parts {
  readonly detectors: Detectors
  readonly clean: (text: string) => string
  readonly logger: Logger
  readonly metrics: Metrics
  readonly outbound: Outbound
  readonly store: Store
  readonly engine: PolicyEngine
  readonly shadow: Shadow | undefined
  readonly recorder: Recorder<Sighting>
  readonly approvals: Approvals
  readonly upstreams: Upstreams
  readonly people: People
  readonly identity: Identity
  /** Of this process. */
  readonly limits: Settings['limits']
}
type Store = Awaited<ReturnType<(typeof stores)[Settings['store']['kind']]>>

/** In the order in which they stand on one another. */
export async function openParts(options: PartsOptions, opened: AsyncDisposableStack): Promise<Parts> {
  const { settings, secrets, clock, ids, surroundings: { member } } = options
  const detectors = detectorsOf(settings)
  const clean = (text: string) => redactText(text, detectors)
  const logger = options.logger ?? createLogger({ level: settings.logging.level, ...(member === undefined ? {} : { fields: { worker: member.slot } }) }, clean)
  const metrics = createMetrics()
  const outbound = createOutbound({ settings: settings.outbound, count: metrics.watchOutbound() })
  opened.defer(() => outbound.close())
  const store = await openStore(settings, { member, logger, metrics })
  opened.defer(() => store.close())
  const engine = createPolicyEngine({ detectors: detectors.names, logger, rolesFailed: metrics.rolesFailed })
  opened.defer(() => engine.close())
  const shadow = settings.policy.shadow === undefined ? undefined : createShadow({ detectors: detectors.names, clean, clock, count: metrics.watchShadow() })
  opened.defer(() => shadow?.close())
  const recorder = createRecording({ store: store.records, engine, detectors, clock, logger })
  const approvals = createApprovals({ store: store.approvals, clock, since: member?.since, ids, key: secrets.storeKey(), redactText: clean, logger, accountOf: async (who) => people.login?.accounts.idOf(who), onChange: ({ id }) => member?.approvalChanged(id) })
  opened.defer(() => approvals.close())
  const limits = { ...settings.limits, ...shareOf(settings.limits, member?.count ?? 1) }
  const upstreams = createUpstreams({
    settings: { ...settings, limits }, secrets, redactText: clean, outbound, metrics, clock, logger, follow: member?.follow,
    kept: createKept(store.kept, secrets.storeKey(), clock),
    subjectTokenOf: async (actor) => people.login?.accounts.tokensOf(actor),
  })
  opened.defer(() => upstreams.close())
  const people = await openPeople({ settings, secrets, store: store.kept, outbound, workload: (token) => identity.workload(token), clock, logger, tally: member?.tally, tellOthers: member?.peopleChanged })
  opened.defer(() => people.close())
  const identity = createIdentity({
    issuers: settings.identity.issuers, publicUrl: settings.public_url, clock, since: member?.since, logger,
    ...(people.own === undefined ? {} : { own: people.own, scopesOf: (upstream: string) => Object.keys(scopesOf(upstream, settings.upstreams[upstream]?.scopes ?? {})) }),
    fetchFor: (configured) => outbound.fetchFor({ purpose: 'issuer', configured }),
  })
  return { detectors, clean, logger, metrics, outbound, store, engine, shadow, recorder, approvals, upstreams, people, identity, limits }
}

const openStore = ({ store: { kind, path } }: Settings, { member, logger, metrics }: { readonly member: Surroundings['member']; readonly logger: Logger; readonly metrics: Metrics }): Promise<Store> =>
  stores[kind]({ path, writer: member?.slot, files: member?.files, logger, observe: { committed: (size, ms) => metrics.committed({ size, seconds: ms / 1000 }), refused: metrics.recordsRefused } })

/** What all processes together may have, shared out evenly among them; what one caller may have is whole, as a caller is on one of them. */
const shareOf = ({ sessions, children }: Settings['limits'], count: number) => ({ sessions: Math.max(1, Math.floor(sessions / count)), children: Math.max(1, Math.floor(children / count)) })
