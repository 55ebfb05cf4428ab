import type { PolicyView } from './contract/policy.ts'

/** What the bundle pipeline tells of itself. */
export interface PolicyStatus {
  readonly active?: { readonly digest: string; readonly revision: string; readonly commit?: string; readonly activated_at: string }
  readonly last_run?: { readonly at: string; readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]; readonly error?: string }
}

export const showPolicy = ({ active, last_run }: PolicyStatus): PolicyView => ({
  active:
    active === undefined
      ? null
      : { digest: active.digest, revision: active.revision, commit: active.commit ?? null, activated_at: active.activated_at },
  last_run:
    last_run === undefined
      ? null
      : { at: last_run.at, stages: last_run.stages.map(({ name, ms, ok }) => ({ name, ms, ok })), error: last_run.error ?? null },
})
