import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { storeDirectory } from '../support/scratch.ts'

/** A directory of the test's own, gone afterwards. */
export function scratch(): { readonly path: string; remove(): void } {
  const dir = storeDirectory('sallyport-store-')
  return { path: join(dir, 'store', 'sallyport.db'), remove: () => rmSync(dir, { recursive: true, force: true }) }
}
