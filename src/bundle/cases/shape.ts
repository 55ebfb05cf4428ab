import { z } from 'zod'
import type { Json } from '../../model.ts'

const named = (what: string) => z.string().min(1).meta({ description: what })
const given = z.record(z.string(), z.json()).meta({ description: 'The arguments.' })
const rules = (what: string) => z.array(named('A rule id, such as crm/deny/destructive_sql.')).readonly().meta({ description: what })
const upstream = named('The name of the server in the configuration.')

/** Who the cases of a folder speak of, by the name under which they do: `people.yaml`. */
export const peopleShape = z.record(z.string(), z.strictObject({
  kind: z.enum(['person', 'service', 'agent', 'nobody']),
  groups: z.array(z.string()).readonly(),
  groups_known: z.boolean().optional(),
  email: z.string().optional(),
  claims: z.record(z.string(), z.json()).optional(),
})).meta({ title: 'People that decision cases speak of' })
export type People = z.output<typeof peopleShape>

const wanted = z.strictObject({
  kind: z.enum(['allow', 'deny', 'mask', 'require_approval']).optional(),
  reasons: rules('Exactly these rules, in any order.').optional(),
  risk: z.number().optional(),
  listed: z.array(z.int().min(0)).readonly().optional().meta({ description: 'The places of the entries that are listed, counted from 0.' }),
  ttl: z.string().optional(),
  requirements: rules('Exactly these requirements of the approval.').optional(),
  masks: z.array(z.string()).readonly().optional().meta({ description: 'Exactly these masks, each by its detector or its path.' }),
}).refine((want) => Object.keys(want).length > 0, { error: 'at least one thing that is wanted' }).meta({ description: 'What the decision must be; what is left out is not looked at.' })
export type Wanted = z.output<typeof wanted>

const asked = {
  call: z.tuple([upstream, named('The tool.'), given]).readonly().optional().meta({ description: 'A call of a tool.' }),
  prompt: z.tuple([upstream, named('The prompt.'), given]).readonly().optional().meta({ description: 'A prompt is fetched.' }),
  read: z.tuple([upstream, named('The URI.')]).readonly().optional().meta({ description: 'A resource is read.' }),
  answer: z.tuple([upstream, named('The tool.')]).readonly().optional().meta({ description: 'The answer to a call of a tool.' }),
  news: z.tuple([upstream, named('The tool.'), named('The method of the notification.')]).readonly().optional().meta({ description: 'A notification of the server during a call.' }),
  list: z.tuple([upstream, z.array(z.string()).readonly()]).readonly().optional().meta({ description: 'The answer to tools/list, with these tools.' }),
  request: named('The method.').optional().meta({ description: 'Any other request of the client.' }),
  server_request: named('The method.').optional().meta({ description: 'A request of the server.' }),
}
const questions = Object.keys(asked) as readonly (keyof typeof asked)[]

const caseShape = z.strictObject({
  name: named('What holds.'),
  input: z.record(z.string(), z.json()).optional().meta({ description: 'The whole input, as a policy sees it; `entries` and `findings` may be left out.' }),
  who: named('One of people.yaml.').optional(),
  ...asked,
  labels: z.record(z.string(), z.string()).optional().meta({ description: 'Labels of the server.' }),
  met: rules('Requirements that an approval has met.').optional(),
  findings: z.array(z.string()).readonly().optional().meta({ description: 'Detectors that found something.' }),
  session: z.strictObject({ calls: z.number(), denied: z.number(), approvals: z.number(), bytes_out: z.number() }).partial().optional().meta({ description: 'Counters of the caller.' }),
  now: z.iso.datetime().optional(),
  want: wanted,
}).superRefine((one, context) => {
  const ways = questions.filter((way) => one[way] !== undefined)
  const expected = one.input === undefined ? ways.length === 1 && one.who !== undefined : ways.length === 0 && one.who === undefined
  if (!expected) context.addIssue({ code: 'custom', input: one, message: `either input, or who and exactly one of ${questions.join(', ')}` })
})
export type Case = z.output<typeof caseShape>

/** One file of decision cases. */
export const casesShape = z.array(caseShape).readonly().meta({ title: 'Decision cases', description: 'Inputs and the decisions that a bundle must take about them before it may become active.' })

/** The JSON schemas of the files, for editors, which know draft 7. */
export const caseSchemas = (): Readonly<Record<'cases' | 'people', Json>> => ({
  cases: z.toJSONSchema(casesShape, { io: 'input', target: 'draft-7' }) as Json,
  people: z.toJSONSchema(peopleShape, { io: 'input', target: 'draft-7' }) as Json,
})
