import { z } from 'zod'
import { group } from '../fields.ts'

const roles = ['viewer', 'reviewer', 'auditor', 'operator'] as const
export type Role = (typeof roles)[number]

const groups = () => z.array(group(), { error: 'a list of group names' }).readonly().default([])

export const adminSettings = z.strictObject({
  roles: z.strictObject({
    viewer: groups().meta({ description: 'Groups that may look at sessions and policy.' }),
    reviewer: groups().meta({ description: 'Groups that may see and answer approvals.' }),
    auditor: groups().meta({ description: 'Groups that may read every record.' }),
    operator: groups().meta({ description: 'Groups that may end sessions and manage the gateway.' }),
  }).prefault({}).meta({ description: 'Who may use the admin API. Who is in no role may do nothing there.' }),
})
