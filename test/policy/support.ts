import { readdirSync, readFileSync } from 'node:fs'
import { createOpa, type Opa } from '../../src/bundle/opa.ts'
import type { BuiltBundle } from '../../src/policy/bundle.ts'
import type { BundleDigest, JsonObject, Logger, Question } from '../../src/model.ts'

export const entrypoint = 'sallyport/decision'

/** One thread of OPA's library for a test file. */
export function openCompiler(): { compile(source: string): Promise<Uint8Array>; opa: Opa; close(): Promise<void> } {
  const opa = createOpa()
  return {
    opa,
    close: () => opa.close(),
    async compile(source) {
      return build(opa, { 'sallyport.rego': `package sallyport\n\n${source}\n` })
    },
  }
}

export async function build(opa: Opa, modules: Readonly<Record<string, string>>, entrypoints: readonly string[] = [entrypoint]): Promise<Uint8Array> {
  const built = await opa.build({ modules, entrypoints })
  if (!built.ok) throw new Error(JSON.stringify(built.problems, null, 2))
  return built.result.wasm
}

/** The library that the gateway ships, without its tests. */
export function library(): Record<string, string> {
  const folder = new URL('../../rego/sallyport/', import.meta.url)
  const names = readdirSync(folder).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'))
  return Object.fromEntries(names.map((name) => [`sallyport/${name}`, readFileSync(new URL(name, folder), 'utf8')]))
}

export const allow = `decision := {"kind": "allow", "reasons": [{"code": "allowed", "rule": "x/allow"}], "risk": 0, "listed": []}`

let count = 0
export function bundleOf(wasm: Uint8Array, more: Partial<BuiltBundle> = {}): BuiltBundle {
  count += 1
  const digest: BundleDigest = `bnd_${String(count).padStart(32, '0')}`
  return { digest, revision: `r${count}`, wasm, data: {}, entrypoint, rules: {}, reads_groups: false, ...more }
}

export interface Line {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}
export function createLog(): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = []
  const write = (message: string, fields?: Readonly<Record<string, unknown>>): void => void lines.push({ message, fields })
  return { lines, logger: { debug: write, info: write, warn: write, error: write } }
}

export function question(body: JsonObject = {}, more: Partial<Question> = {}): Question {
  return {
    actor: { kind: 'person', subject: 'ann', issuer: 'https://idp.example', provider: 'idp', groups: ['support'], groups_known: true, claims: {} },
    upstream: { name: 'crm', labels: {} },
    session: { id: 'ses_1', started_at: '2026-11-21T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
    message: { direction: 'to_server', kind: 'request', method: 'ping', revision: '2025-06-18', body },
    entries: [],
    findings: [],
    now: '2026-11-21T00:00:00.000Z',
    ...more,
  }
}

/** Numbers that look random and are the same in every run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
