/** Compiles all cases with OPA's library, some at a time, and judges each while the next are compiled. */
import { createOpa, type SmallPolicy } from '../../src/bundle/opa.ts'
import type { OpaCase } from './case.ts'
import { judge, type Judged } from './judge.ts'

const atOnce = 240
/** Milliseconds for so many; a busy machine must not decide. */
const timeout = 600_000

export async function runCases(cases: readonly OpaCase[], capabilities: unknown): Promise<ReadonlyMap<string, Judged>> {
  const opa = createOpa({ timeout })
  const outcomes = new Map<string, Judged>()
  // Some differ in their input alone.
  const groups = [...Map.groupBy(cases, (one) => JSON.stringify(policyOf(one))).values()]
  const chunks = Array.from({ length: Math.ceil(groups.length / atOnce) }, (_, index) => groups.slice(index * atOnce, (index + 1) * atOnce))
  const compile = (chunk: readonly (readonly OpaCase[])[] = []) => opa.cases(chunk.flatMap(([one]) => (one === undefined ? [] : [policyOf(one)])), capabilities)
  try {
    let builds = compile(chunks[0])
    for (const [index, chunk] of chunks.entries()) {
      const built = await builds
      builds = compile(chunks[index + 1])
      for (const [at, alike] of chunk.entries()) for (const one of alike) outcomes.set(one.name, await judge(one, built[at] ?? { ok: false, error: 'not compiled' }))
    }
    await builds
  } finally {
    await opa.close()
  }
  return outcomes
}

const policyOf = ({ query, modules = [], data }: OpaCase): SmallPolicy => ({ query, modules, data })
