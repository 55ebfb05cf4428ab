import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { withTables } from '../../src/config/docs.ts'
import { sections } from '../../src/config/schema.ts'

const document = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

test('the tables of docs/configuration.md are those of the schemas (else: node scripts/config-docs.ts)', () => {
  expect(withTables(document)).toBe(document)
})

test('the example of docs/configuration.md is a configuration', () => {
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(document) ?? []
  const content = parse(example) as Record<string, unknown>
  for (const [name, schema] of Object.entries(sections)) expect([name, schema.safeParse(content[name]).error]).toEqual([name, undefined])
})
