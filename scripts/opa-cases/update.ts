/** Writes `test/policy/opa-cases/cases.json.br` and the licence beside it from the Go module that src/bundle/opa/go.mod names. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { caseFile, parseExactly } from './case.ts'

const cwd = fileURLToPath(new URL('../../src/bundle/opa/', import.meta.url))
const go = (...args: readonly string[]): string => execFileSync('go', args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })

interface Gathered {
  readonly file: string
  readonly note: string
}

const folder = go('list', '-m', '-f', '{{.Dir}}', 'github.com/open-policy-agent/opa').trim()
const gather = fileURLToPath(new URL('gather.go', import.meta.url))
const found = parseExactly(go('run', gather, join(folder, 'v1/test/cases/testdata/v1'))) as readonly Gathered[]

const seen = new Map<string, number>()
const named = found.map(({ file, note, ...rest }) => {
  const name = `${file.replace(/^([^/]+)\/(?:test-)?(?:\1-?)?/, '$1/').replace(/\.ya?ml$/, '')}: ${note}`
  const count = (seen.get(name) ?? 0) + 1
  seen.set(name, count)
  return { name: count === 1 ? name : `${name} (${count})`, ...rest }
})
const text = JSON.stringify(named.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: text.length }
writeFileSync(caseFile, brotliCompressSync(text, { params }))
writeFileSync(new URL('LICENSE', caseFile), readFileSync(join(folder, 'LICENSE')))
console.log(`${named.length} cases`)
