import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of the test's own, gone afterwards. */
export function scratch(): { readonly path: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
  return { path: join(dir, 'store', 'sallyport.db'), remove: () => rmSync(dir, { recursive: true, force: true }) }
}
