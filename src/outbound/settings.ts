import { z } from 'zod'
import { readNetwork } from './address.ts'

/** A host name that stands for itself: dots inside, no wildcard, nothing that could be read as a number. */
export const isHostName = (text: string): boolean =>
  text.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(text)

const entry = 'a network such as 10.20.0.0/16, an address, or a host name in lower case'

export const outboundSettings = z.strictObject({
  allow: z.array(z.string({ error: entry }).refine(text => readNetwork(text) !== undefined || isHostName(text), { error: entry }), { error: 'a list of networks, addresses and host names' }).readonly().default([])
    .meta({ description: 'Addresses inside your network that may be fetched although somebody else named them, as networks, addresses or host names. What the configuration itself names needs no entry.' }),
})

export type OutboundSettings = z.output<typeof outboundSettings>
