import { readFile } from 'node:fs/promises'
import type { BuildOptions } from './build.ts'
import { readQuestionSchema } from './source/read-directory.ts'

/** The detectors that every gateway has; configuration adds others by name. */
export const shippedDetectors = ['card_number', 'us_ssn', 'email', 'private_key', 'api_key', 'jwt'] as const

/** What this copy of the gateway builds policies against. */
export const readBuildOptions = async (detectors: readonly string[] = shippedDetectors): Promise<Omit<BuildOptions, 'opa'>> => {
  const capabilities: unknown = JSON.parse(await readFile(new URL('../policy/capabilities.json', import.meta.url), 'utf8'))
  const schema = await readQuestionSchema()
  return { capabilities, detectors, ...(schema === undefined ? {} : { schema }) }
}
