import { once } from 'node:events'
import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Environment } from '../config/env.ts'
import { messageOf } from '../errors.ts'
import { countOf } from '../open.ts'
import { socketIn } from '../workers/words.ts'
import { credentialsOf } from '../config/credentials.ts'
import { tlsOf } from '../config/tls.ts'
import type { Check } from './doctor.ts'
import { probeChild, probeHttp, probeSse } from './doctor-probe.ts'

const nearest = async (path: string): Promise<string> => {
  let directory = path
  while (directory !== dirname(directory) && (await stat(directory).catch(() => undefined)) === undefined) directory = dirname(directory)
  return directory
}

const fleeting: Readonly<Record<number, string>> = { 0x01021994: 'tmpfs', 0x858458f6: 'ramfs', 0x794c7630: 'a container layer' }

/** Writes and syncs beside the database, as every record will have to. */
export const checkStore = async (settings: Settings): Promise<readonly Check[]> => {
  const directory = await nearest(dirname(settings.store.path))
  try {
    const own = await mkdtemp(join(directory, '.sallyport-doctor-'))
    try {
      const file = await open(join(own, 'probe'), 'wx', 0o600)
      const times: number[] = []
      for (let round = 0; round < 20; round += 1) {
        const before = performance.now()
        await file.write(Buffer.alloc(4096))
        await file.datasync()
        times.push(performance.now() - before)
      }
      await file.close()
      const median = times.sort((a, b) => a - b)[10] ?? 0
      const system = fleeting[(await statfs(directory)).type >>> 0]
      const slow: Check = { check: 'store', state: 'warning', says: `one durable write to ${directory} takes ${median.toFixed(1)} ms`, remedy: 'every call waits for one or two of them; put the store on a faster local disk' }
      const lost: Check = { check: 'store', state: 'warning', says: `${directory} is on ${system}: everything recorded is lost with the machine`, remedy: 'mount a volume and put store.path there' }
      return [
        { check: 'store', state: 'ok', says: `${directory} can be written to; one durable write takes ${median.toFixed(2)} ms` },
        ...(median > 20 ? [slow] : []),
        ...(system === undefined ? [] : [lost]),
      ]
    } finally {
      await rm(own, { recursive: true, force: true })
    }
  } catch (error) {
    return [{ check: 'store', state: 'failed', says: `${directory} cannot be written to: ${messageOf(error)}`, remedy: 'let the gateway\'s user write there, make room, or change store.path' }]
  }
}

/** Builds the policies as the gateway would. */
export const checkPolicy = async (settings: Settings, secrets: Secrets): Promise<readonly Check[]> => {
  const [{ buildBundle }, { createOpa }, { readBuildOptions, shippedDetectors }, { problemText }, { nameOf }, { createPolicySource }, { createOutbound }] = await Promise.all([
    import('../bundle/build.ts'),
    import('../bundle/opa.ts'),
    import('../bundle/options.ts'),
    import('../bundle/problem.ts'),
    import('../bundle/source/create.ts'),
    import('../policy-source.ts'),
    import('../outbound/outbound.ts'),
  ])
  const opa = createOpa()
  const own = await mkdtemp(join(tmpdir(), 'sallyport-doctor-'))
  const source = createPolicySource(settings, secrets, createOutbound({ settings: settings.outbound }), own)
  try {
    const read = await source.read()
    const built = read.ok ? await buildBundle(read.sources, { opa, ...(await readBuildOptions([...shippedDetectors, ...Object.keys(settings.detectors)])) }) : read
    if (built.ok) return [{ check: 'policy', state: 'ok', says: `${nameOf(settings.policy.source)} builds as ${built.bundle.digest}` }]
    return built.problems.map(({ remedy = 'correct the policy; `sallyport policy check --dir DIRECTORY` says the same', ...problem }): Check => ({ check: 'policy', state: 'failed', says: problemText(problem), remedy }))
  } catch (error) {
    return [{ check: 'policy', state: 'failed', says: `the policies cannot be built here: ${messageOf(error)}`, remedy: 'see that the installation is complete' }]
  } finally {
    await Promise.all([opa.close(), source.close?.()])
    await rm(own, { recursive: true, force: true })
  }
}

export const checkIssuers = async (settings: Settings): Promise<readonly Check[]> => {
  const [{ createIdentity }, { createOutbound }] = await Promise.all([import('../identity/identity.ts'), import('../outbound/outbound.ts')])
  const outbound = createOutbound({ settings: settings.outbound })
  const silent = () => undefined
  const identity = createIdentity({
    issuers: settings.identity.issuers,
    publicUrl: settings.public_url,
    clock: Date.now,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    fetchFor: configured => outbound.fetchFor({ purpose: 'issuer', configured }),
  })
  return (await identity.checkIssuers()).map(({ name, problem, keys }): Check =>
    problem === null
      ? { check: `issuer ${name}`, state: 'ok', says: `${keys} ${keys === 1 ? 'key' : 'keys'} for verification` }
      : { check: `issuer ${name}`, state: 'failed', says: `its keys cannot be had: ${problem}`, remedy: 'see that its address is right and can be reached from here, or give its keys as jwks: { file }' })
}

export const checkUpstreams = async (settings: Settings, secrets: Secrets, env: Environment): Promise<readonly Check[]> => {
  const found = await Promise.all(Object.entries(settings.upstreams).map(async ([name, upstream]): Promise<readonly Check[]> => {
    const { kind = 'bearer' } = ('urls' in upstream ? upstream.credentials : undefined) ?? {}
    if (!['bearer', 'header', 'basic'].includes(kind)) return [{ check: `upstream ${name}`, state: 'ok', says: `not tried: its credential (${kind}) is made when somebody calls` }]
    const credentials = credentialsOf(name, upstream, secrets)
    const tls = tlsOf(name, upstream, secrets)
    const probes = 'urls' in upstream
      ? await Promise.all(upstream.urls.map(url => (upstream.transport === 'sse' ? probeSse : probeHttp)({ url, credential: credentials.header, tls })))
      : [await probeChild({ command: upstream.command, args: upstream.args, env: credentials.env, directory: settings.directory }, env)]
    return probes.map(probe => ({ check: `upstream ${name}`, ...(probe.ok ? { state: 'ok', says: probe.says } : { state: 'failed', says: probe.says, remedy: probe.remedy }) }))
  }))
  return found.flat()
}

export const checkPort = async (check: string, host: string, port: number): Promise<readonly Check[]> => {
  const server = createServer()
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return [{ check, state: 'ok', says: `${host}:${port} is free` }]
  } catch (error) {
    const remedy = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'end the program that listens there (a gateway that already runs?) or choose another port' : 'choose an address of this machine and a port that its user may take'
    return [{ check, state: 'failed', says: `${host}:${port} cannot be taken: ${messageOf(error)}`, remedy }]
  }
}

const earliest = Date.parse('2026-01-01T00:00:00Z')
const latest = Date.parse('2100-01-01T00:00:00Z')

/** Several processes talk over Unix sockets, whose paths are short. */
export const checkWorkers = async (settings: Settings): Promise<readonly Check[]> => {
  const count = countOf(settings)
  if (count === 1) return []
  const cores = availableParallelism()
  const many: Check = { check: 'workers', state: 'warning', says: `${count} workers share ${cores} ${cores === 1 ? 'core' : 'cores'}`, remedy: 'more workers than cores make nothing faster; `workers: auto` is one for each core' }
  try {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-'))
    try {
      const server = createServer().listen(socketIn(directory, count - 1))
      await once(server, 'listening')
      server.close()
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    return [{ check: 'workers', state: 'ok', says: `${count} workers can be run` }, ...(count > cores ? [many] : [])]
  } catch (error) {
    return [{ check: 'workers', state: 'failed', says: `${tmpdir()} cannot hold the sockets between workers: ${messageOf(error)}`, remedy: 'set TMPDIR to a directory of a short path that the gateway\'s user can write to, or workers: 1' }]
  }
}

/** Tokens, approvals and records live by the clock. */
export const checkClock = (now: number): readonly Check[] =>
  now > earliest && now < latest
    ? [{ check: 'clock', state: 'ok', says: new Date(now).toISOString() }]
    : [{ check: 'clock', state: 'failed', says: `it says ${new Date(now).toISOString()}`, remedy: 'set the clock, best by NTP' }]
