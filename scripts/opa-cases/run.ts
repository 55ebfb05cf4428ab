/** Compiles all cases with OPA's library, some at a time, and judges each while the next are compiled. */
import { createOpa } from '../../src/bundle/opa.ts'
import type { OpaCase } from './case.ts'
import { judge, type Judged } from './judge.ts'

const atOnce = 80
/** Milliseconds for so many; a busy machine must not decide. */
const timeout = 600_000

export async function runCases(cases: readonly OpaCase[], capabilities: unknown): Promise<ReadonlyMap<string, Judged>> {
  const opa = createOpa({ timeout })
  const outcomes = new Map<string, Judged>()
  const chunks = Array.from({ length: Math.ceil(cases.length / atOnce) }, (_, index) => cases.slice(index * atOnce, (index + 1) * atOnce))
  const compile = (chunk: readonly OpaCase[] | undefined) => opa.cases((chunk ?? []).map(({ query, modules = [], data }) => ({ query, modules, data })), capabilities)
  try {
    let builds = compile(chunks[0])
    for (const [index, chunk] of chunks.entries()) {
      const built = await builds
      builds = compile(chunks[index + 1])
      for (const [at, one] of chunk.entries()) outcomes.set(one.name, await judge(one, built[at] ?? { ok: false, error: 'not compiled' }))
    }
    await builds
  } finally {
    await opa.close()
  }
  return outcomes
}
