import type { Json } from '../model.ts'
import type { Change, Edits } from './edits.ts'
import type { SchemaCheck } from './output-schema.ts'
import type { Place } from './pointer.ts'

/** What was done where the schema refused a placeholder, at places that differ in indices only. */
export interface Repairs {
  readonly size: number
  of(place: Place): 'null' | 'drop' | undefined
}
export const noRepairs: Repairs = { size: 0, of: () => undefined }

const maxRounds = 64
/** Of the processor: each round looks at every value, and no other call goes on meanwhile. */
const mostMs = 1000

/** A key of places, the same object wherever it is the same: very many places may lie below one long name. */
interface Step {
  readonly id: string
}
type Steps = readonly Step[]
const index = '*'

function createSteps(): (place: Place) => Steps {
  const known = new Map<string, Step>()
  return (place) => place.map((key) => {
    const before = known.get(key)
    if (before !== undefined) return before
    const step = { id: /^\d+$/.test(key) ? index : String(known.size) }
    known.set(key, step)
    return step
  })
}
const groupOf = (steps: Steps): string => steps.map(({ id }) => id).join('/')
const beginsWith = (steps: Steps, first: Steps): boolean => steps.length >= first.length && first.every((step, at) => steps[at] === step)

interface Changed {
  readonly place: Place
  /** Below the structured content. */
  readonly steps: Steps
}

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
  const stepsOf = createSteps()
  const done = new Map<string, 'null' | 'drop'>()
  const groups = new Map<string, Changed[]>()
  for (const { place } of edits.changes(root)) {
    const steps = stepsOf(place.slice(root.length))
    const group = groupOf(steps)
    const alike = groups.get(group)
    if (alike === undefined) groups.set(group, [{ place, steps }])
    else alike.push({ place, steps })
  }
  const begun = process.threadCpuUsage()
  for (let round = 0; round < maxRounds; round++) {
    const { user, system } = process.threadCpuUsage(begun)
    if ((user + system) / 1000 > mostMs) return undefined
    const masked = input.read(edits.apply(input.body) ?? null)
    const errors = masked === undefined ? undefined : check(masked)
    if (errors === undefined) return undefined
    if (errors.length === 0) return { size: done.size, of: (place) => done.get(groupOf(stepsOf(place))) }
    const group = culprit([...new Set(errors.map(({ path }) => path))].map((path) => stepsOf(keysOf(path))), groups, done)
    if (group === undefined) return undefined
    const next = done.get(group) === 'null' ? 'drop' : 'null'
    done.set(group, next)
    const change: Change = next === 'null' ? { kind: 'value', value: null } : { kind: 'drop' }
    for (const { place } of groups.get(group) ?? []) edits.swap(place, change)
  }
  return undefined
}

/** RFC 6901 section 4. */
const keysOf = (path: string): Place => path.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))

/** The group that an error is about and that can still give way: the very place first, then one below it. */
function culprit(paths: readonly Steps[], groups: ReadonlyMap<string, readonly Changed[]>, done: ReadonlyMap<string, 'null' | 'drop'>): string | undefined {
  const open = [...groups].filter(([group, changed]) => mayGiveWay(changed, done.get(group)))
  const isAt = (path: Steps, { steps }: Changed): boolean => steps.length === path.length && beginsWith(steps, path)
  const isBelow = (path: Steps, { steps }: Changed): boolean => steps.length > path.length && beginsWith(steps, path)
  for (const test of [isAt, isBelow]) {
    for (const path of paths) {
      const found = open.find(([, changed]) => changed.some((one) => test(path, one)))
      if (found !== undefined) return found[0]
    }
  }
  return undefined
}

function mayGiveWay(changed: readonly Changed[], done: 'null' | 'drop' | undefined): boolean {
  if (done === undefined) return true
  // an element cannot go without moving the others, and the whole is not optional
  return done === 'null' && changed.every(({ steps }) => steps.length > 0 && steps.at(-1)?.id !== index)
}
