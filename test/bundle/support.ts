import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Opa } from '../../src/bundle/opa.ts'
import type { Json } from '../../src/model.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'

export const example = fileURLToPath(new URL('./source', import.meta.url))

/** A new directory with these files. */
export const directoryOf = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  for (const [path, text] of Object.entries(files)) await put(root, path, text)
  return root
}
export const put = async (root: string, path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

/** What the host makes of one rule. */
export const inHost = async (opa: Opa, modules: Readonly<Record<string, string>>, entrypoint: string, input?: Json): Promise<unknown> => {
  const built = await opa.build({ modules, entrypoints: [entrypoint] })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const outcome = instantiate(await compileModule(built.result.wasm), {}).evaluate(entrypoint, input === undefined ? undefined : JSON.stringify(input), 100_000_000)
  return outcome.ok ? (outcome.results[0] as { result: unknown }).result : outcome
}

/** All builtins but these. */
export const capabilitiesWithout = async (opa: Opa, ...names: readonly string[]): Promise<unknown> => {
  const all = await opa.capabilities()
  const builtins = all['builtins'] as readonly { readonly name: string }[]
  return { ...all, builtins: builtins.filter(({ name }) => !names.includes(name)) }
}
