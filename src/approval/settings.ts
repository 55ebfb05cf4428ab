import { z } from 'zod'
import { duration } from '../fields.ts'

export const approvalSettings = z.strictObject({
  hold: duration('1s', '10m').prefault('50s')
    .meta({ description: 'How long a held call waits before the client is told to call again. Many clients give up after 60 s.' }),
  hold_with_progress: duration('1s', '60m').prefault('5m')
    .meta({ description: 'The same for a client that asked for progress and is kept waiting by it.' }),
})
