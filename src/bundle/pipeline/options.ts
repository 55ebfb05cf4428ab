import { readBuildOptions, shippedDetectors } from '../options.ts'
import type { PrepareOptions } from './prepare.ts'

/** The sections of the configuration that say what a source must stand before it becomes active. */
interface Wanted {
  readonly detectors: Readonly<Record<string, unknown>>
  readonly policy: { readonly cases?: string | undefined; readonly tests: { readonly coverage?: number | undefined } }
}

export const readPrepareOptions = async ({ detectors, policy: { cases, tests: { coverage } } }: Wanted): Promise<Omit<PrepareOptions, 'opa'>> => ({
  ...(await readBuildOptions([...shippedDetectors, ...Object.keys(detectors)])),
  ...(cases === undefined ? {} : { cases }),
  ...(coverage === undefined ? {} : { coverage }),
})
