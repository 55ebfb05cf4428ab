// Compiles the lint rules (src/bundle/lint/rego), so that no gateway and no command has to. A test compares what is kept with what its source builds.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { brotliCompressSync } from 'node:zlib'
import { lintEntrypoints } from '../src/bundle/lint/lint.ts'
import { createOpa } from '../src/bundle/opa.ts'

const folder = new URL('../src/bundle/lint/', import.meta.url)
const readLintModules = (): Record<string, string> => {
  const names = readdirSync(new URL('rego/', folder)).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego')).sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(new URL(`rego/${name}`, folder), 'utf8')]))
}

const opa = createOpa()
const built = await opa.build({ modules: readLintModules(), entrypoints: lintEntrypoints, strict: true })
await opa.close()
if (!built.ok) {
  for (const { file, row, message } of built.problems) process.stderr.write(`${file}:${row}: ${message}\n`)
  process.exit(1)
}
writeFileSync(new URL('lint.wasm.br', folder), brotliCompressSync(built.result.wasm))
process.stdout.write(`${built.result.wasm.length} bytes\n`)
