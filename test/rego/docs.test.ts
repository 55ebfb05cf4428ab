import { readFileSync } from 'node:fs'
import { readRefusals } from './table.ts'

interface Node {
  readonly $ref?: string
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
}
const at = (path: string): URL => new URL(`../../${path}`, import.meta.url)
const page = readFileSync(at('docs/policies.md'), 'utf8')
const schema = JSON.parse(readFileSync(at('rego/schemas/question.json'), 'utf8')) as Node & { readonly definitions: Readonly<Record<string, Node>> }

/** Every field by its path; what refers to itself is followed once, and `request` is said to be as `message`. */
function fieldsOf(node: Node, path: string, above: readonly string[] = []): readonly string[] {
  const name = node.$ref?.split('/').at(-1)
  if (name !== undefined) return above.includes(name) ? [] : fieldsOf(schema.definitions[name] ?? {}, path, [...above, name])
  const inner = Object.entries(node.properties ?? {}).flatMap(([member, child]) => {
    const below = path === '' ? member : `${path}.${member}`
    return [below, ...(below === 'request' ? [] : fieldsOf(child, below, above))]
  })
  const elements = node.items ? fieldsOf(node.items, `${path}[]`, above) : []
  return [...inner, ...elements, ...(node.anyOf ?? []).flatMap((one) => fieldsOf(one, path, above))]
}

test('the reference names every field of the input, and no other', () => {
  const fields = new Set(fieldsOf(schema, ''))
  const reference = page.slice(page.indexOf('## Input reference'), page.indexOf('## What the check refuses'))
  const named = new Set([...reference.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field]) => field))
  expect([...fields].filter((field) => !named.has(field))).toEqual([])
  expect([...named].filter((field) => !fields.has(field ?? ''))).toEqual([])
})

test('the page explains every refusal', () => {
  const refused = new Set(readRefusals().map((refusal) => refusal.refused))
  const table = page.slice(page.indexOf('## What the check refuses'), page.indexOf('### `silent`'))
  expect([...refused].filter((code) => !table.includes(`\`${code}\``))).toEqual([])
})
