import { z } from 'zod'
import { name, text } from '../fields.ts'

const glob = z.string({ error: 'the name of a tool, * for any part of it' }).min(1, { error: 'the name of a tool, * for any part of it' }).max(256, { error: 'at most 256 signs' })

export const scopeSettings = z.record(
  name('the name of a scope'),
  z.strictObject({
    tools: z.array(glob, { error: 'a list of names of tools, * for any part of a name' }).min(1, { error: 'at least one name' }).readonly().meta({ description: 'The tools whose calls want it: names, with `*` for any part of a name.' }),
    description: text('what it lets a client do').max(200, { error: 'at most 200 signs' }).optional().meta({ description: 'What people who are asked for their consent are told that it lets a client do.' }),
  }),
  { error: 'scopes by name' },
).default({}).meta({ description: 'Scopes beside `mcp:<upstream>` that some calls want of a token, as `mcp:<upstream>:<name>`. A client without one is told to ask its person for more.' })

export type ScopeSettings = { readonly [name: string]: { readonly tools: readonly string[]; readonly description?: string | undefined } }

const firstScope = (upstream: string): string => `mcp:${upstream}`
const fullName = (upstream: string, scope: string): string => `${firstScope(upstream)}:${scope}`

/** The scopes of an upstream with what each lets a client do. */
export const scopesOf = (upstream: string, scopes: ScopeSettings): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(scopes).map(([name, { tools, description }]) => [fullName(upstream, name), description ?? `call ${tools.join(', ')}`]))

/** What calls of these tools want beside the first scope. */
export const wantedFor = (upstream: string, scopes: ScopeSettings, tools: readonly string[]): readonly string[] =>
  Object.entries(scopes).filter(([, { tools: globs }]) => globs.some((one) => tools.some((tool) => fits(one, tool)))).map(([name]) => fullName(upstream, name))

/** Each part where it is met first: no glob takes longer than the name is. */
function fits(glob: string, text: string): boolean {
  const [head = '', ...rest] = glob.split('*')
  const tail = rest.pop()
  if (tail === undefined) return glob === text
  if (!text.startsWith(head) || text.length < head.length + tail.length || !text.endsWith(tail)) return false
  let at = head.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - tail.length
}
