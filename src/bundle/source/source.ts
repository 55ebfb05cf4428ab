import type { Read } from './sources.ts'

export interface Watching {
  close(): void
}

/** Where bundles come from. */
export interface Source {
  read(): Promise<Read>
  /** Tells that `read` may answer something new, and each time the source was asked in vain: what was read last is still what it says. */
  watch?(onChange: () => void, onCurrent?: () => void): Watching
  /** While it is watched: asks now whether there is something new. */
  look?(): void
  close?(): Promise<void>
}
