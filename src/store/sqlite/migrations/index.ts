import type { Migration } from '../migrate.ts'
import { sessionsAndApprovals } from './001-sessions-and-approvals.ts'

/** In order; a migration that was released never changes. */
export const migrations: readonly Migration[] = [sessionsAndApprovals]
