import { z } from 'zod'
import { duration } from '../fields.ts'

export const approvalSettings = z.strictObject({
  hold: duration('100ms', '10m').prefault('50s')
    .meta({ description: 'How long a held call waits before the client is told to call again. Many clients give up after 60 s. In MCP 2026-07-28 it is at most 45 s, after which clients come back by themselves, twice.' }),
  hold_with_progress: duration('100ms', '60m').prefault('5m')
    .meta({ description: 'The same in the older revisions, for a client that asked for progress and is kept waiting by it.' }),
})
