import { createOutbound } from '../../src/outbound/outbound.ts'
import type { Tls } from '../../src/outbound/send.ts'
import { outboundSettings } from '../../src/outbound/settings.ts'

export const outbound = createOutbound({ settings: outboundSettings.parse({}) })
/** The addresses of what the test itself names. */
export const addressesOf = (origin: string): Promise<readonly string[]> => outbound.addressesOf(origin, { purpose: 'policy', configured: [origin] })
/** As a gateway fetches what its configuration names. */
export const fetchOf = (url: string, tls?: Tls) => outbound.fetchFor({ purpose: 'policy', configured: [url], within: 3_600_000, largest: 64 * 1024 * 1024, unpack: false, tls })
