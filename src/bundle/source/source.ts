import type { Read } from './sources.ts'

export interface Watching {
  close(): void
}

/** Where bundles come from. */
export interface Source {
  read(): Promise<Read>
  /** Tells that `read` may answer something new. */
  watch?(onChange: () => void): Watching
  close?(): Promise<void>
}
