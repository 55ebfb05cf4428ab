import type { Json } from '../model.ts'
import type { Change, Edits } from './edits.ts'
import type { SchemaCheck } from './output-schema.ts'
import type { Place } from './pointer.ts'

/** What was done where the schema refused a placeholder; by place, with every index written `*`. */
export type Repairs = ReadonlyMap<string, 'null' | 'drop'>

const maxRounds = 64

export const groupOf = (place: Place): string => place.map((key) => (/^\d+$/.test(key) ? '*' : key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')

/**
 * Makes masked `structuredContent` valid: where the schema refuses a placeholder null stands instead, or the member goes.
 * Places that differ in indices only are treated alike. Undefined where nothing helps, or where the check cannot tell.
 * `edits` are those of the whole body, `root` is the place of the structured content in it.
 */
export function repair(input: {
  readonly body: Json
  readonly edits: Edits
  readonly root: Place
  readonly check: SchemaCheck
  readonly read: (body: Json) => Json | undefined
}): Repairs | undefined {
  const { edits, root, check } = input
  const repairs = new Map<string, 'null' | 'drop'>()
  const groups = new Map<string, Place[]>()
  for (const { place } of edits.changes(root)) {
    const inner = place.slice(root.length)
    const group = groupOf(inner)
    const alike = groups.get(group)
    if (alike === undefined) groups.set(group, [inner])
    else alike.push(inner)
  }
  for (let round = 0; round < maxRounds; round++) {
    const masked = input.read(edits.apply(input.body) ?? null)
    const errors = masked === undefined ? undefined : check(masked)
    if (errors === undefined) return undefined
    if (errors.length === 0) return repairs
    const group = culprit(errors.map(({ path }) => path), groups, repairs)
    if (group === undefined) return undefined
    const next = repairs.get(group) === 'null' ? 'drop' : 'null'
    repairs.set(group, next)
    const change: Change = next === 'null' ? { kind: 'value', value: null } : { kind: 'drop' }
    for (const place of groups.get(group) ?? []) edits.swap([...root, ...place], change)
  }
  return undefined
}

/** The group that an error is about and that can still give way: the very place first, then one below it. */
function culprit(paths: readonly string[], groups: ReadonlyMap<string, readonly Place[]>, repairs: Repairs): string | undefined {
  const open = [...groups].filter(([group, places]) => mayGiveWay(group, places, repairs))
  const pathOf = (place: Place): string => place.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  for (const path of paths) {
    const exact = open.find(([, places]) => places.some((place) => pathOf(place) === path))
    if (exact !== undefined) return exact[0]
  }
  for (const path of paths) {
    const below = open.find(([, places]) => places.some((place) => pathOf(place).startsWith(`${path}/`)))
    if (below !== undefined) return below[0]
  }
  return undefined
}

function mayGiveWay(group: string, places: readonly Place[], repairs: Repairs): boolean {
  const done = repairs.get(group)
  if (done === undefined) return true
  // an element cannot go without moving the others, and the whole is not optional
  return done === 'null' && places.every((place) => place.length > 0 && !/^\d+$/.test(place.at(-1) ?? ''))
}
