import { methods as before } from '../2024-11-05/methods.ts'
import type { RevisionMethods } from '../facts.ts'

/** schema/2025-03-26 added batches, audio and annotations, but no method. */
export const methods: RevisionMethods = before
