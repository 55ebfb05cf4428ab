import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { readSigningKey, type Key } from '../../src/bundle/trust/keys.ts'
import { signBundle } from '../../src/bundle/trust/sign.ts'
import { writeTar } from '../../src/bundle/trust/tar.ts'
import type { Campaign, Need, Tally } from './campaign.ts'
import { createWorld, type World } from './world.ts'

/** Bundles of this version or above must never judge. */
const forged = 100_000
const patience = 60_000

const keyPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signingKey = (privateKey: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): Key => {
  const read = readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {})
  if (!read.ok) throw new Error(read.expected)
  return read.key
}
const trusted = signingKey(keyPair.privateKey)
const stranger = signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)

/** Denies everything, in two modules that name its version and a third that compares it with its data. */
const bundleOf = (version: number): Buffer => {
  const module = (name: string, more = ''): string => `package policies.${name}\n\nallow if input.message.call.name == "work"\n\ndeny contains {"code": "v${version}"}\n${more}`
  const files = {
    '/.manifest': JSON.stringify({ revision: `v${version}`, roots: [''] }),
    '/data.json': JSON.stringify({ version }),
    '/policies/a/a.rego': module('a', '\nroles contains "auditor" if "audit" in input.actor.groups\n'),
    '/policies/b/b.rego': module('b', `\ndeny contains {"code": "mixed"} if data.version != ${version}\n`),
  }
  return gzipSync(writeTar(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))))
}
const signed = async (version: number, { key = trusted, sequence = version } = {}): Promise<Buffer> => {
  const made = await signBundle(bundleOf(version), { key, sequence, clock: Date.now })
  if (!made.ok) throw new Error(JSON.stringify(made.problems))
  return made.bytes
}
/** What must not become active, whatever else happens. */
const bad: readonly ((version: number) => Promise<Buffer>)[] = [
  async (version) => bundleOf(forged + version),
  (version) => signed(forged + version, { key: stranger }),
  (version) => signed(forged + version, { sequence: version - 1 }),
  async (version) => (await signed(forged + version)).subarray(0, -40),
  (version) => signed(version - 1),
]

interface Judged {
  readonly bundle: string
  readonly decision: string
}
const judged = (store: string): readonly Judged[] => {
  const db = new DatabaseSync(store, { readOnly: true })
  try {
    return db.prepare("SELECT bundle, decision FROM event_whole WHERE method = 'tools/call' AND kind = 'request'").all() as unknown as Judged[]
  } finally {
    db.close()
  }
}

/** Each record names one bundle, and says what that one says and nothing else; the highest version that judged. */
const checkRecords = (rows: readonly Judged[], tally: Tally): number => {
  const versions = new Map<string, string>()
  for (const { bundle, decision } of rows) {
    const rules = (JSON.parse(decision) as { reasons: { rule: string }[] }).reasons.map(({ rule }) => rule).sort().join(' ')
    const [, version, other] = /^a\/deny\/v(\d+) b\/deny\/v(\d+)$/.exec(rules) ?? []
    tally.checked()
    if (version === undefined || version !== other) tally.violation(`judged by a mixture, or by something else: ${rules} (${bundle})`)
    else if (Number(version) >= forged) tally.violation(`judged by a bundle that must never be active: ${version}`)
    else if ((versions.get(bundle) ?? version) !== version) tally.violation(`${bundle} is version ${version} and ${versions.get(bundle)}`)
    else versions.set(bundle, version)
  }
  if (new Set(versions.values()).size !== versions.size) tally.violation('two bundles have one version')
  return Math.max(0, ...[...versions.values()].map(Number))
}

interface Status {
  readonly active: { readonly revision: string } | null
  readonly last_run: { readonly error: string | null } | null
}
const statusOf = async (world: World): Promise<Status> => (await (await world.api('policy')).json()) as Status
const until = async (world: World, so: (status: Status) => boolean, what: string): Promise<void> => {
  for (const end = performance.now() + patience; !so(await statusOf(world)); await wait(50)) if (performance.now() > end) throw new Error(`it did not come so far: ${what}`)
}

/** When the n-th thing happens where bundles are kept, or a moment later: from the first byte on the disk to after the switch. */
const killAt = async (world: World, round: number): Promise<void> => {
  const happens = 1 + (round % 6)
  const { promise, resolve } = Promise.withResolvers<void>()
  let seen = 0
  const watcher = watch(`${world.store}.bundles`, () => void ((seen += 1) >= happens && resolve()))
  const late = setTimeout(resolve, patience)
  await promise
  watcher.close()
  clearTimeout(late)
  if (round % 2 === 0) await wait(Math.random() * 150)
  await world.gateway().kill('SIGKILL')
}

async function round(number: number, world: World, put: (bytes: Buffer | undefined) => void, tally: Tally): Promise<void> {
  const version = number + 1
  const caller = await world.caller(`r${number}`)
  const forgery = bad[number % bad.length]
  const good = await signed(version)
  await caller.loadDuring(50, async () => {
    if (forgery !== undefined) {
      put(await forgery(version - 1))
      await until(world, ({ last_run }) => last_run?.error !== null, 'a bad bundle was seen')
    }
    const killed = killAt(world, number)
    put(good)
    await killed
  }, 100)
  caller.close()
  const highest = checkRecords(judged(world.store), tally)

  // With the newest, with a bad one, or without any: it comes back on one whole bundle, never on an older one.
  const way = number % 3
  if (way === 1) put(undefined)
  else if (way === 2) put(await (forgery ?? (async () => bundleOf(forged)))(version - 1))
  await world.start()
  const after = Number(/^v(\d+)$/.exec((await statusOf(world)).active?.revision ?? '')?.[1])
  if (!(after >= highest && (after === version || (way !== 0 && after === version - 1)))) tally.violation(`round ${number}: it came back on version ${after}; ${highest} had judged, ${version} was the newest`)
  const again = await world.caller(`c${number}`)
  await Promise.all([again.call(), again.call(), again.call()])
  again.close()
  put(good)
  await until(world, ({ active }) => active?.revision === `v${version}`, `version ${version} is active`)
}

const activations = ({ title, workers, needs, rounds: full }: { readonly title: string; readonly workers: number; readonly needs: readonly Need[]; readonly rounds: number }): Campaign => ({
  title, needs,
  size: { rounds: full },
  async run({ rounds, tally, say }) {
    const place = mkdtempSync(join(tmpdir(), 'sallyport-faults-'))
    const file = join(place, 'bundle.tar.gz')
    const put = (bytes: Buffer | undefined): void => {
      if (bytes === undefined) return rmSync(file, { force: true })
      writeFileSync(`${file}.new`, bytes)
      renameSync(`${file}.new`, file)
    }
    writeFileSync(join(place, 'policy.pub'), keyPair.publicKey.export({ type: 'spki', format: 'pem' }))
    put(await signed(1))
    const policy = { source: { kind: 'bundle', url: `file://${file}`, poll: '1s' }, verify: { keys: [{ file: join(place, 'policy.pub') }] } }
    const world = await createWorld({ settings: { workers, policy } })
    try {
      await world.start()
      for (let number = 1; number <= rounds; number += 1) {
        await round(number, world, put, tally)
        say(`round ${number} of ${rounds}: killed while version ${number + 1} became active`)
      }
      checkRecords(judged(world.store), tally)
    } finally {
      await world.close()
      rmSync(place, { recursive: true, force: true })
    }
  },
})

export const activation = activations({ title: 'whenever the gateway is killed while a bundle becomes active, each record names one whole bundle, and it comes back on one', workers: 1, needs: [], rounds: 50 })
export const activationOfWorkers = activations({ title: 'with several processes, too', workers: 2, needs: ['linux'], rounds: 10 })
