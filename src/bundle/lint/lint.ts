import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import type { Json, JsonObject } from '../../model.ts'
import { compileModule, instantiate } from '../../policy/host.ts'
import type { PolicyInstance } from '../../policy/host.ts'
import type { Syntax } from '../opa.ts'

/** As the rules write it. */
export interface Finding {
  readonly code: string
  readonly level: 'error' | 'warning'
  readonly file: string
  readonly row: number
  readonly col: number
  readonly message: string
  readonly remedy: string
  /** A place in the data. */
  readonly path?: readonly string[]
}
interface OfRule {
  readonly findings: readonly Omit<Finding, 'file'>[]
  readonly facts: JsonObject
}

// Trees are our own work and no traffic, but a loop without end would hold up every activation.
const fuel = 1_000_000_000
export const lintEntrypoints = ['lint/rule', 'lint/project'] as const
const packed = new URL('./lint.wasm.br', import.meta.url)

interface Module {
  readonly package: { readonly path: readonly { readonly value: string }[] }
  readonly rules?: readonly JsonObject[]
  readonly comments?: readonly { readonly Text: string; readonly Location: { readonly row: number } }[]
}

const ask = (instance: PolicyInstance, entrypoint: (typeof lintEntrypoints)[number], input: Json): unknown => {
  const outcome = instance.evaluate(entrypoint, JSON.stringify(input), fuel)
  if (!outcome.ok) throw new Error(`the lint rules failed: ${outcome.fault}: ${outcome.detail}`)
  return (outcome.results[0] as { result: unknown }).result
}

/** A rule is looked at by itself, so that what a source takes grows with its size and no faster. */
export const inputOf = (path: string, { package: { path: steps } }: Module, rule: JsonObject): JsonObject => ({
  package: steps.slice(1).map(({ value }) => value),
  test: path.endsWith('_test.rego'),
  rule,
})
/** By row, without the sign that begins them. */
export const commentsOf = ({ comments = [] }: Module): JsonObject =>
  Object.fromEntries(comments.map(({ Text, Location }) => [Location.row, Buffer.from(Text, 'base64').toString()]))

/** Rules of our own, written in Rego, over the syntax trees of a source. It works in OPA's process, where the trees are. */
export interface Lint {
  look(syntax: Syntax, about: { readonly data: Json; readonly known: JsonObject }): Promise<readonly Finding[]>
}
export const createLint = (): Lint => {
  let compiled: Promise<WebAssembly.Module> | undefined
  return {
    async look(syntax, { data, known }) {
      compiled ??= compileModule(brotliDecompressSync(readFileSync(packed)))
      const module = await compiled
      const options = { data: JSON.stringify({ known }) }
      const instance = instantiate(module, options)
      const modules = Object.entries(syntax as unknown as Record<string, Module>) // the shape is OPA's
      const found: JsonObject[] = []
      const rules: JsonObject[] = []
      for (const [file, tree] of modules) {
        for (const rule of tree.rules ?? []) {
          const { findings, facts } = ask(instance, 'lint/rule', inputOf(file, tree, rule)) as OfRule
          found.push(...findings.map((finding) => ({ ...finding, file })))
          rules.push({ ...facts, file })
        }
      }
      const comments = Object.fromEntries(modules.map(([file, tree]) => [file, commentsOf(tree)]))
      return ask(instantiate(module, options), 'lint/project', { rules, data, comments, found }) as readonly Finding[]
    },
  }
}
