import { z } from 'zod'
import { page } from './shapes.ts'

export const upstream = z.object({
  name: z.string(),
  kind: z.enum(['http', 'stdio']),
  labels: z.record(z.string(), z.string()),
  endpoint: z.string().describe('the URL that clients use'),
})
export type UpstreamView = z.infer<typeof upstream>
export const upstreamPage = page(upstream)
