// Names in an archive, so strict that no two readers can take one for different files.

const longest = 1024
const deepest = 32

/** Why nobody should read a file of this name, or undefined. */
const oddityOf = (name: string): string | undefined => {
  if (name.length > longest) return `has a name of more than ${longest} signs`
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'has a name with control signs'
  if (name.includes('\\') || /^[A-Za-z]:/.test(name)) return 'has a name that some systems read as another path'
  const parts = name.split('/')
  if (parts.length > deepest) return `lies more than ${deepest} folders deep`
  if (parts.includes('..')) return 'has a name that leads out of the archive'
  return parts.some((part) => part === '' || part === '.') ? 'has a name with empty parts' : undefined
}

export type Name = { readonly ok: true; readonly name: string } | { readonly ok: false; readonly why: string }

/** As seen from the root of the archive: OPA writes `/data.json`, tar `./data.json`; both are `data.json`. */
export const readName = (written: string): Name => {
  const name = written.replace(/^\.?\//, '')
  const why = oddityOf(name)
  return why === undefined ? { ok: true, name } : { ok: false, why }
}

/** Equal for names that some file system holds for the same file. */
const folded = (name: string): string => name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')

/** Remembers names; says why one more cannot stand beside those before it. */
export const createNames = (): ((name: string) => string | undefined) => {
  const files = new Map<string, string>()
  const folders = new Set<string>()
  return (name) => {
    const key = folded(name)
    const parts = key.split('/')
    const above = parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'))
    const twin = files.get(key)
    if (twin !== undefined) return twin === name ? 'is in it twice' : `is the same file as ${twin} for some systems`
    if (folders.has(key) || above.some((folder) => files.has(folder))) return 'is both a file and a folder'
    files.set(key, name)
    for (const folder of above) folders.add(folder)
    return undefined
  }
}
