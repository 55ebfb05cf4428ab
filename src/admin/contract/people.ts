import { z } from 'zod'
import { page, person, time } from './shapes.ts'

export const signedIn = person.extend({
  id: z.string().describe('the account; the `sub` of the tokens that the gateway gives out for it'),
  signed_in_at: time,
  checked_at: time.describe('when the provider last stood by the person'),
  renewable: z.boolean().describe('whether the provider can be asked again; if not, the account ends with `identity.session`'),
})
export type SignedInView = z.infer<typeof signedIn>
export const peoplePage = page(signedIn)

export const endBody = z.strictObject({ reason: z.string().trim().min(1, { error: 'why' }).max(1000) })
