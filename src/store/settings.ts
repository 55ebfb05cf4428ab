import { z } from 'zod'
import { path, secret } from '../fields.ts'

export const storeSettings = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sqlite'),
    path: path('the database file').refine(value => !value.startsWith(':') && !value.startsWith('file:'), { error: 'the path of a file on a local disk' })
      .meta({ description: 'The database file; its directory is made if it is not there. It must be on a local disk.' }),
    key_from: secret().meta({ description: 'The key under which held calls are encrypted and digests are made: 32 random bytes as base64 or hex, such as `openssl rand -base64 32` prints. Losing it makes pending approvals unreadable.' }),
  }),
]).meta({ description: 'Where sessions, approvals and decisions are kept.' })
