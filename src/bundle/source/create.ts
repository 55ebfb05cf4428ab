import { createDirectorySource } from './directory.ts'
import type { SourceSettings } from './settings.ts'
import type { Source } from './source.ts'

export interface SourceOptions {
  readonly source: SourceSettings
}

/** For people: where the policies come from. */
export const nameOf = (source: SourceSettings): string => ('url' in source ? source.url : source.path)

export const createSource = ({ source }: SourceOptions): Source => {
  if (source.kind !== 'directory') throw new Error(`${source.kind} is not available in this version`)
  return createDirectorySource(source.path)
}
