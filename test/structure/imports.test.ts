import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

// Who may know whom. A room is a folder of src/; files directly in src/ are their own rooms.
const src = fileURLToPath(new URL('../../src', import.meta.url))
const leaves = ['model', 'errors', 'fields', 'loopback', 'repaired-json', 'exact-json', 'printed', 'forward-clock', 'iso-time', 'places', 'findings', 'nearest', 'sealing', 'kept', 'account', 'claims', 'opening', 'in-turn', 'abort', 'openid', 'page', 'bare-environment', 'text-bytes']
const all = '*'

/** What each room may import beside the leaves; `type:` allows types only. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  wire: [], detect: [], policy: [], identity: [], enforce: [], record: [],
  approval: ['type:record'],
  store: ['type:record', 'type:approval', 'type:bundle'],
  upstream: [],
  outbound: [], oauth: [], login: [], credentials: ['type:upstream', 'type:config'],
  proxy: ['type:wire', 'type:approval', 'type:upstream'],
  bundle: ['policy'],
  config: ['identity', 'login', 'oauth', 'store', 'bundle', 'upstream', 'outbound', 'approval', 'detect', 'workers'],
  admin: ['type:record', 'type:approval'],
  cli: [all],
  demo: ['config', 'gateway', 'logging', 'detect', 'enforce'],
  'policy-source': [all], 'policy-keeping': [all], 'policy-signing': [all], core: [all], reports: [all], gateway: [all], supervisor: [all], worker: [all], open: [all],
  workers: ['type:bundle', 'type:policy', 'type:config', 'type:metrics', 'type:store', 'type:login'],
  app: [], listening: [], main: ['type:gateway'], metrics: ['type:proxy'], logging: [],
  model: [], errors: [], fields: [], loopback: [], 'repaired-json': [], 'exact-json': [], printed: [], 'forward-clock': [], 'iso-time': [], nearest: [], places: [], findings: [], sealing: [], kept: [], account: [], claims: [], opening: [], 'in-turn': [], abort: [], openid: [], page: [], 'bare-environment': [], 'text-bytes': [],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly isType: boolean
  readonly file: string
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
const roomOf = (file: string): string => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const imports: readonly Import[] = files.flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm)].map(([, type, path, dynamic]): Import => {
    const target = relative(src, resolve(src, dirname(file), path ?? dynamic ?? ''))
    return { from: roomOf(file), to: roomOf(target), isType: type !== undefined, file }
  })
})

test('rooms import only what they may', () => {
  expect(imports.length).toBeGreaterThan(300)
  const wrong = imports.filter(({ from, to, isType }) => {
    if (from === to || leaves.includes(to) || to.startsWith('..')) return false
    const may = allowed[from] ?? []
    return !(may.includes(all) || may.includes(to) || (isType && may.includes(`type:${to}`)))
  })
  expect([...new Set(wrong.map(({ file, to, isType }) => `${file} → ${to}${isType ? ' (type)' : ''}`))].sort()).toEqual([])
})

test('every room is in the table', () => {
  expect([...new Set(files.map(roomOf))].filter((room) => !(room in allowed))).toEqual([])
})

test('only one place makes an evaluated message', () => {
  const makers = files.filter((file) => /as unknown as Evaluated|as Evaluated</.test(readFileSync(join(src, file), 'utf8')))
  expect(makers).toEqual(['proxy/evaluate.ts'])
})

test('nothing outside the demo command reaches the demo', () => {
  expect([...new Set(imports.filter(({ from, to }) => to === 'demo' && from !== 'demo').map(({ file }) => file))]).toEqual(['cli/demo.ts'])
})

test('files stay small enough to be read whole', () => {
  const long = files.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 400)
  expect(long).toEqual([])
})
