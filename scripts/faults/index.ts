import type { Campaign } from './campaign.ts'
import { isolated, judged, same } from './messages.ts'

/** Every promise that is tried, by its number. */
export const campaigns: Readonly<Record<string, Campaign>> = {
  P10: judged,
  P16: same,
  P23: isolated,
}
