import { readFileSync } from 'node:fs'

/** Secrets are written in parts, so that no scanner of repositories takes the table for a leak. */
type Parts = string | readonly string[]
export interface DetectorCase {
  readonly what: string
  readonly text: Parts
  readonly label?: string
  readonly found: readonly Parts[]
}

export const joined = (parts: Parts): string => (typeof parts === 'string' ? parts : parts.join(''))

export function casesOf(name: string): readonly DetectorCase[] {
  // the table is ours and its shape is the type's
  return JSON.parse(readFileSync(new URL(`${name}.cases.json`, import.meta.url), 'utf8')) as readonly DetectorCase[]
}
