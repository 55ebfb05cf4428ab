import type { Migration } from '../migrate.ts'
import { sessionsAndApprovals } from './001-sessions-and-approvals.ts'
import { legs } from './002-legs.ts'
import { writers } from './003-writers.ts'
import { basis } from './004-basis.ts'
import { policyActs } from './005-policy-acts.ts'
import { folding } from './006-folding.ts'
import { kept } from './007-kept.ts'
import { findings } from './008-findings.ts'
import { ownApprovals } from './009-own-approvals.ts'

/** In order; a migration that was released never changes. */
export const migrations: readonly Migration[] = [sessionsAndApprovals, legs, writers, basis, policyActs, folding, kept, findings, ownApprovals]
