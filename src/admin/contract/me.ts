import { z } from 'zod'
import type { Role } from '../../model.ts'
import { person } from './shapes.ts'

const role = z.enum(['viewer', 'reviewer', 'auditor', 'operator'] satisfies readonly Role[])

export const me = z.object({ actor: person, roles: z.array(role).readonly() })
