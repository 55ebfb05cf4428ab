import { isObject } from '../../exact-json.ts'
import type { Json, JsonObject } from '../../model.ts'
import type { Opa, OutlinedRule } from '../opa.ts'
import type { Problem } from '../problem.ts'
import { rulesData } from '../rules/read-rules.ts'
import { readLibrary } from '../source/read-directory.ts'
import { buildData, type Sources } from '../source/sources.ts'

export type Change = 'added' | 'removed' | 'changed'
/** A rule by its id; several of one id are told together. */
export interface RuleDifference {
  readonly rule: string
  readonly change: Change
  /** Of what changed: what it says, or only its METADATA. */
  readonly in: readonly ('rule' | 'metadata')[]
  readonly file: string
  readonly row: number
  readonly title?: string
}
export interface DataDifference {
  /** JSON Pointer below `data`. */
  readonly path: string
  readonly change: Change
  readonly before?: Json
  readonly after?: Json
}
export interface SourcesDifference {
  readonly rules: readonly RuleDifference[]
  readonly data: readonly DataDifference[]
}
export type Compared = { readonly ok: true; readonly difference: SourcesDifference } | { readonly ok: false; readonly problems: readonly Problem[] }

interface Grouped {
  readonly first: OutlinedRule
  readonly rule: string
  readonly metadata: string
}

/** Which rules, METADATA and data differ, however they are written and whatever file they are in. */
export async function compareSources(before: Sources, after: Sources, opa: Pick<Opa, 'outline'>): Promise<Compared> {
  const [left, right] = [await outlineOf(before, opa), await outlineOf(after, opa)]
  if (!left.ok) return left
  if (!right.ok) return right
  const rules = compareRules(left.rules, right.rules)
  const data: DataDifference[] = []
  compareData(ownData(before), ownData(after), '', data)
  return { ok: true, difference: { rules, data } }
}

const ownData = ({ data }: Sources): JsonObject => Object.fromEntries(Object.entries(data).filter(([name]) => name !== buildData && name !== rulesData))

type Outlined = { readonly ok: true; readonly rules: ReadonlyMap<string, Grouped> } | { readonly ok: false; readonly problems: readonly Problem[] }

async function outlineOf({ modules, library, data, rules: files }: Sources, opa: Pick<Opa, 'outline'>): Promise<Outlined> {
  // A bundle brings the gateway's own policies along, a directory does not.
  const shipped = new Set(Object.values(await readLibrary()))
  const own = Object.fromEntries(Object.entries(modules).filter(([path, text]) => !library.includes(path) && !shipped.has(text)))
  const outlined = await opa.outline(own)
  if (!outlined.ok) return outlined
  const all = [...outlined.result, ...yamlRules(data, Object.keys(files ?? {})[0] ?? '')]
  const grouped = new Map<string, Grouped>()
  for (const [id, group] of Map.groupBy(all, ({ id }) => id)) {
    const texts = group.map(({ text }) => text).sort()
    const words = group.map(({ title, description, link, custom }) => JSON.stringify([title, description, link, custom])).sort()
    grouped.set(id, { first: group[0]!, rule: texts.join('\n'), metadata: words.join('\n') }) // a group has one at least
  }
  return { ok: true, rules: grouped }
}

/** YAML rules stand in the data, by set. */
function yamlRules(data: JsonObject, file: string): readonly OutlinedRule[] {
  const built = data[rulesData]
  if (!isObject(built)) return []
  return Object.entries(built).flatMap(([set, rules]) =>
    (Array.isArray(rules) ? (rules as readonly Json[]) : []).filter(isObject).map((rule): OutlinedRule => {
      const { id, entry, ...rest } = rule
      const code = isObject(entry) && typeof entry['code'] === 'string' ? `/${entry['code']}` : ''
      return { id: typeof id === 'string' ? id : `${rulesData}/${set}${code}`, file, row: 1, text: JSON.stringify({ entry, ...rest }) }
    }),
  )
}

function compareRules(before: ReadonlyMap<string, Grouped>, after: ReadonlyMap<string, Grouped>): readonly RuleDifference[] {
  const ids = [...new Set([...before.keys(), ...after.keys()])].sort()
  return ids.flatMap((rule): RuleDifference[] => {
    const [was, is] = [before.get(rule), after.get(rule)]
    const { file, row, title } = (is ?? was)!.first // in one of the two
    const about = { rule, file, row, ...(title === undefined ? {} : { title }) }
    if (was === undefined || is === undefined) return [{ ...about, change: was === undefined ? 'added' : 'removed', in: ['rule'] }]
    const changed = [...(was.rule === is.rule ? [] : ['rule' as const]), ...(was.metadata === is.metadata ? [] : ['metadata' as const])]
    return changed.length === 0 ? [] : [{ ...about, change: 'changed', in: changed }]
  })
}

const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** Objects member by member, anything else as a whole. */
function compareData(before: Json | undefined, after: Json | undefined, path: string, found: DataDifference[]): void {
  if (isObject(before) && isObject(after)) {
    for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) compareData(before[name], after[name], `${path}/${escape(name)}`, found)
  } else if (before === undefined && after !== undefined) found.push({ path, change: 'added', after })
  else if (after === undefined && before !== undefined) found.push({ path, change: 'removed', before })
  else if (before !== undefined && after !== undefined && JSON.stringify(before) !== JSON.stringify(after)) found.push({ path, change: 'changed', before, after })
}
