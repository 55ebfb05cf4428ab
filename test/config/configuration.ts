import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

export type Content = Record<string, unknown>

/** A directory with a policy directory, a key and whatever else a configuration names. */
export const createPlace = async (files: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>> = {}): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-config-'))
  await mkdir(join(directory, 'rego'))
  const all = { 'store.key': { text: `${randomBytes(32).toString('base64')}\n`, mode: 0o600 }, ...files }
  for (const [name, file] of Object.entries(all)) {
    const { text, mode } = typeof file === 'string' ? { text: file, mode: 0o600 } : file
    await writeFile(join(directory, name), text, { mode })
  }
  return directory
}

/** A configuration with nothing wrong in it, and with what a test changes. */
export const good = (change: Content = {}): Content => ({
  store: { kind: 'sqlite', path: '.sallyport/sallyport.db', key_from: { file: 'store.key' } },
  policy: { source: { kind: 'directory', path: 'rego' } },
  identity: { issuers: [{ name: 'ci', issuer: 'https://issuer.example' }] },
  upstreams: { crm: { url: 'http://127.0.0.1:9001/mcp' } },
  ...change,
})

export const writeConfiguration = async (directory: string, content: Content | string): Promise<string> => {
  const file = join(directory, 'sallyport.yaml')
  await writeFile(file, typeof content === 'string' ? content : stringify(content))
  return file
}
