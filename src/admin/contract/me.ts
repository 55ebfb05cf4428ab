import { z } from 'zod'
import { person } from './shapes.ts'

const role = z.enum(['viewer', 'reviewer', 'auditor', 'operator'])
export type Role = z.infer<typeof role>

export const me = z.object({ actor: person, roles: z.array(role).readonly() })
