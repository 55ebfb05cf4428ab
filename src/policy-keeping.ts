import { problemText } from './bundle/problem.ts'
import { findKeptSignatureProblem } from './bundle/source/git/signature.ts'
import { openArchive } from './bundle/trust/archive.ts'
import { createCustody, type Custody, type CustodyOptions } from './bundle/trust/custody.ts'
import { createFreshness, type Age, type Freshness } from './bundle/trust/freshness.ts'
import { readTrust } from './bundle/trust/read-trust.ts'
import { verifyToken } from './bundle/trust/verify.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import type { Clock, Logger } from './model.ts'
import { policyActs } from './store/index.ts'
import type { StoreFiles } from './store/store.ts'

export interface PolicyKeeping {
  readonly custody: Custody
  readonly freshness: Freshness
  /** The file of a bundle that was active. */
  readonly read: (digest: string) => Promise<Uint8Array | undefined>
}
export interface PolicyKeepingOptions {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly clock: Clock
  readonly logger: Logger
  readonly onAge: (age: Age) => void
  /** Of the store, which must be open or prepared. */
  readonly files: StoreFiles
}

/** Another repository, branch, folder or address is another source. */
const identityOf = (source: Settings['policy']['source']): string => {
  const parts = source.kind === 'git' ? [source.url, source.branch ?? null, source.tag ?? null, source.commit ?? null, source.path ?? null] : ['url' in source ? source.url : source.path]
  return JSON.stringify([source.kind, ...parts])
}

/** Whoever was asked for less before may not come back: what was not verified so is not what is demanded. */
const demandOf = (verify: Settings['policy']['verify']): string =>
  [...(verify?.keys === undefined ? [] : [`keys ${verify.scope ?? ''}`]), ...(verify?.commits === undefined ? [] : ['commits'])].join(', ')

/** What was signed is asked again: who was believed when a bundle became active may not be any more. Time alone takes nothing back; for that there is `policy.max_age`. */
const disbeliefIn = ({ policy: { verify } }: Settings, secrets: Secrets, clock: Clock): CustodyOptions['disbelief'] => async ({ evidence, commit }) => {
  if (evidence === undefined) return 'its signature was not kept with it'
  if (verify?.commits !== undefined && commit !== undefined) {
    const problem = await findKeptSignatureProblem(evidence, commit, verify.commits.allowed_signers.file)
    return problem && problemText(problem)
  }
  const trusted = await readTrust(verify ?? {}, (index) => secrets.get(`policy.verify.keys.${index}.secret`), clock)
  const held = trusted.ok ? await verifyToken(evidence, trusted.trust) : trusted
  return held.ok ? undefined : held.problems.map(problemText).join('\n')
}

/** What is kept of bundles that were active, beside the store. */
export async function openPolicyKeeping({ settings, secrets, clock, logger, onAge, files }: PolicyKeepingOptions): Promise<PolicyKeeping> {
  const { path, kind } = settings.store
  const acts = policyActs[kind](path, files)
  const archive = await openArchive({ directory: `${path}.bundles`, key: secrets.storeKey(), needed: acts.named })
  const custody = createCustody({ archive, acts, source: identityOf(settings.policy.source), trust: demandOf(settings.policy.verify), disbelief: disbeliefIn(settings, secrets, clock), clock, logger })
  const freshness = createFreshness({
    maxAge: settings.policy.max_age, since: archive.currentAt(), clock, logger, onChange: onAge,
    save: (at) => void archive.saveCurrent(at).catch((fault: Error) => logger.warn('how old the policy is could not be written', { fault: fault.message })),
  })
  return {
    custody, freshness,
    async read(digest) {
      const got = await archive.get(digest)
      return got.ok ? got.bytes : undefined
    },
  }
}
