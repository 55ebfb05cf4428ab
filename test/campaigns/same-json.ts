import { execFileSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'

/** What a parser makes of each text, as one text whatever the order of names: equal where the parser takes two texts for the same. */
export type Parser = (texts: readonly string[]) => readonly string[]

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)

/** JavaScript's, with the digits of numbers as they are written. */
const javascript: Parser = (texts) => {
  const read = JSON.parse as (text: string, reviver: Reviver) => unknown
  const withSources: Reviver = (_key, value, { source }) => {
    if (typeof value === 'number') return `number ${source}`
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value).sort(byName) : value
  }
  return texts.map((text) => JSON.stringify(read(text, withSources)))
}

/** SQLite's keeps repeated names; numbers are doubles. */
const sqlite: Parser = (texts) => {
  const db = new DatabaseSync(':memory:')
  try {
    const tree = db.prepare('SELECT parent, id, key, type, atom FROM json_tree(?) ORDER BY id')
    tree.setReadBigInts(true)
    return texts.map((text) => {
      const places = new Map<unknown, string>()
      const leaves = tree.all(text).map(({ parent, id, key, type, atom }) => {
        const place = `${places.get(parent) ?? ''}/${typeof key === 'bigint' ? key : JSON.stringify(key)}`
        places.set(id, place)
        return `${place} ${type === 'integer' || type === 'real' ? `number ${Number(atom)}` : `${type} ${JSON.stringify(String(atom))}`}`
      })
      return leaves.sort().join('\n')
    })
  } finally {
    db.close()
  }
}

const pythons = `import json, sys
def pairs(found): return {"members": sorted(found, key=lambda pair: pair[0])}
for line in sys.stdin:
    print(json.dumps(json.loads(json.loads(line), parse_float=lambda s: ["number", s], parse_int=lambda s: ["number", s], object_pairs_hook=pairs)))
`
/** Python's keeps repeated names, and the digits of numbers. */
const python: Parser = (texts) =>
  execFileSync('python3', ['-c', pythons], { input: texts.map((text) => `${JSON.stringify(text)}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 30 }).split('\n').slice(0, -1)

const isThere = (parser: Parser): boolean => {
  try {
    return parser(['{}']).length === 1
  } catch {
    return false
  }
}
/** Those that this machine has. */
export const parsers: Readonly<Record<string, Parser>> = { javascript, sqlite, ...(isThere(python) ? { python } : {}) }

/** Which parsers take the two texts of a pair for different ones. */
export function differences(pairs: readonly (readonly [name: string, one: string, other: string])[]): readonly string[] {
  return Object.entries(parsers).flatMap(([name, parse]) => {
    const [ones, others] = [parse(pairs.map(([, one]) => one)), parse(pairs.map(([, , other]) => other))]
    return pairs.flatMap(([what, one, other], at) => (ones[at] === others[at] ? [] : [`${what}, as ${name} reads it: ${one.slice(0, 200)} in place of ${other.slice(0, 200)}`]))
  })
}
