import { z } from 'zod'
import type { Role } from '../model.ts'

const role = z.enum(['viewer', 'reviewer', 'auditor', 'operator'] satisfies readonly Role[])
const answer = z.tuple([z.strictObject({ result: z.array(role).max(role.options.length) })])

/** What the rules that give roles answered; undefined where that is anything else than one set of roles. */
export const readRoles = (results: readonly unknown[]): readonly Role[] | undefined => {
  const read = answer.safeParse(results)
  if (!read.success) return undefined
  const [{ result }] = read.data
  return role.options.filter((one) => result.includes(one))
}
