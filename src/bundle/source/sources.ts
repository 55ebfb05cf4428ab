import type { JsonObject } from '../../model.ts'
import { isData } from '../data.ts'
import type { Modules, StageRun } from '../opa.ts'
import type { Problem } from '../problem.ts'

/** Everything a bundle is built from. */
export interface Sources {
  /** Path to text: policies, their tests, and the gateway's own library. */
  readonly modules: Modules
  /** The paths among them that are the library. */
  readonly library: readonly string[]
  /** The paths that the source itself brings, its copy of the library included. */
  readonly own: readonly string[]
  readonly data: JsonObject
  /** By name, for `schemas:` annotations. */
  readonly schemas: Readonly<Record<string, unknown>>
  /** The files that `data` was read from, by path, for whoever has to name a line. */
  readonly data_files: Modules
  /** Files of decision cases (`cases/*.yaml`) by path. */
  readonly cases: Modules
  /** Files of YAML rules by path. What they say is in `data`. */
  readonly rules?: Modules
  readonly revision: string
  readonly commit?: string
}
/** What a source says to a bundle that it may have to take the place of. */
export interface Replaced {
  readonly digest: string
  readonly revision: string
  readonly commit?: string
  readonly order?: number
  /** Names what the source itself brought, whatever library the gateway then had. */
  readonly content?: string
  /** Names the file that it was read from. */
  readonly given?: string
}
interface Timed {
  /** What reading took, where it has parts: `fetch`, `verify` and `read`. */
  readonly stages?: readonly StageRun[]
}
export type Read =
  | (Timed & {
      readonly ok: true
      readonly sources: Sources
      readonly warnings: readonly Problem[]
      /** Where it stands among what its maker made: higher follows lower. */
      readonly order?: number
      /** Names the file that it was read from. */
      readonly given?: string
      /** What was signed, where signatures are demanded: kept beside it, so that it can be asked again whether the signer is believed. */
      readonly evidence?: string
      /** Why what was read may not take the place of the active bundle: it is older, or of another history. Undefined where it may. */
      readonly follows?: (active: Replaced) => Promise<string | undefined>
    })
  | (Timed & {
      readonly ok: false
      readonly problems: readonly Problem[]
      /** What was read, where only policies are missing. */
      readonly without_policies?: Sources
    })

/** The member of `data` in which the build tells the library what it found out. */
export const buildData = 'sallyport_build'

/** The files of a source by path, before it is known which of them count. */
export type Files = ReadonlyMap<string, string>

export const isCase = (path: string): boolean => /^cases\/[^/]+\.(?:ya?ml|json)$/.test(path) && !isData(path)
export const isTest = (path: string): boolean => path.endsWith('_test.rego')

/** Where blanks and comments end. One pattern for all of them would need more stack than there is where somebody writes a million. */
const headOf = (text: string): number => {
  const one = /\s+|#[^\n]*(?:\n|$)/y
  let at = 0
  for (; one.test(text); at = one.lastIndex);
  return at
}

/** The package of a module; what this misses the check refuses as `library_package`. */
export const packageOf = (text: string): string =>
  (/package\s+([^\s#;]+)/y.exec(text.slice(headOf(text)))?.[1] ?? '').replace(/\["([^"\]]+)"\]/g, '.$1')

const isLibraryPackage = (name: string): boolean => name === 'sallyport' || name.startsWith('sallyport.')
const protocol = 'policies.protocol'

/**
 * The gateway's own copy of `package sallyport` is the one that is compiled, and its `policies.protocol` stands
 * unless the source has one (2.4.5).
 */
export const withLibrary = (own: Modules, shipped: Modules): { modules: Modules; library: string[]; warnings: Problem[]; problems: Problem[] } => {
  const warnings: Problem[] = []
  const problems: Problem[] = []
  const kept: Record<string, string> = {}
  for (const [path, text] of Object.entries(own)) {
    if (isTest(path) || !isLibraryPackage(packageOf(text))) kept[path] = text
    else if (shipped[path] !== text && !Object.values(shipped).includes(text)) {
      const message = "this is not the library that the gateway has, and is left out: the gateway's own copy is compiled"
      warnings.push({ stage: 'read', file: path, code: 'library_differs', message, remedy: 'run `sallyport policy library --out DIR` to bring the copy up to date' })
    }
  }
  const replaced = Object.entries(kept).some(([path, text]) => !isTest(path) && packageOf(text) === protocol)
  const library = Object.entries(shipped).filter(([, text]) => !(replaced && packageOf(text) === protocol))
  for (const [path] of library) {
    if (!(path in kept)) continue
    const message = "the gateway's own library has a file of this path"
    problems.push({ stage: 'read', file: path, code: 'library_path', message, remedy: 'give the file another name' })
  }
  return { modules: { ...kept, ...Object.fromEntries(library) }, library: library.map(([path]) => path), warnings, problems }
}
