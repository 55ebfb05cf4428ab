import { OpaFault } from './opa-fault.ts'
import type { Opa, OpaBundle } from './opa.ts'
import type { Problem } from './problem.ts'

type Asked = Parameters<Opa['bundle']>[0]

/** Milliseconds for one file by itself, and for all that are tried. */
const aloneFor = 10_000
const lookFor = 60_000

/** Where OPA gives no answer at all, one file mostly is why: the one about which it gives none either. Undefined where it is no single one. */
const culpritOf = async (opa: Opa, asked: Asked): Promise<Problem | undefined> => {
  const library = new Set(asked.library)
  const shipped = Object.entries(asked.modules).filter(([path]) => library.has(path))
  const own = Object.entries(asked.modules).filter(([path]) => !library.has(path)).sort(([, a], [, b]) => b.length - a.length)
  const until = performance.now() + lookFor
  for (const [file, text] of own) {
    if (performance.now() > until) return undefined
    const fault = await opa.bundle({ ...asked, modules: Object.fromEntries([...shipped, [file, text]]), within: aloneFor }).then(() => undefined, (thrown: unknown) => thrown)
    if (!(fault instanceof OpaFault)) continue
    if (fault.isClosed) return undefined
    return { stage: 'check', file, code: 'no_answer', message: `OPA's compiler gives no answer about this file, not even by itself: ${fault.message}`, remedy: 'split it, and write parts of what is long or nested deep as rules of their own' }
  }
  return undefined
}

/** Asks OPA for a bundle. Rejects only where no file of the source is why there is no answer. */
export const askForBundle = async (opa: Opa, asked: Asked): Promise<OpaBundle> => {
  const began = performance.now()
  try {
    return await opa.bundle(asked)
  } catch (fault) {
    const problem = await culpritOf(opa, asked)
    if (problem === undefined) throw fault
    return { ok: false, problems: [problem], stages: [{ name: 'check', ms: Math.round(performance.now() - began), ok: false }] }
  }
}
