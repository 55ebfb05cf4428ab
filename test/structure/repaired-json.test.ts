import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../../src', import.meta.url))
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).map((file) => join(src, file))

/** What runs in a process or thread of its own: files that are named to `Worker` and `fork`. */
const entries = ['cli/main.ts', ...files.flatMap((file) => {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:new Worker|fork)\(\s*new URL\('(\.[^']+)'/g)].map(([, path = '']) => relative(src, resolve(dirname(file), path)))
})]

test('every process and thread reads names with escapes right before it loads anything else', () => {
  expect(entries.length).toBeGreaterThan(4)
  const first = (file: string) => /^import .*$/m.exec(readFileSync(join(src, file), 'utf8'))?.[0]
  expect(entries.filter((file) => !/^import '(?:\.\.?\/)+repaired-json\.ts'$/.test(first(file) ?? ''))).toEqual([])
})
