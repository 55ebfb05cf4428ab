import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { createFileSource } from '../../src/bundle/source/server/file.ts'
import { createServerSource, type ServerSourceOptions } from '../../src/bundle/source/server/source.ts'
import type { Source } from '../../src/bundle/source/source.ts'
import type { Read } from '../../src/bundle/source/sources.ts'
import { unpackBundle } from '../../src/bundle/trust/bundle-file.ts'
import { writeTar } from '../../src/bundle/trust/tar.ts'
import type { Tls } from '../../src/outbound/send.ts'
import { createAuthority } from '../support/certificates.ts'
import { fetchOf } from '../support/outbound.ts'

const bundleOf = (revision: string): Buffer => gzipSync(writeTar(new Map([
  ['/.manifest', Buffer.from(JSON.stringify({ revision, roots: [''] }))],
  ['/policies/crm/crm.rego', Buffer.from('package policies.crm\n\nallow if input.actor.kind == "person"\n')],
])))

type Answer = (request: IncomingMessage, response: ServerResponse) => void
const asked: IncomingMessage[] = []
let answer: Answer
let server: http.Server
let url: string
const opened: Source[] = []
beforeAll(async () => {
  server = http.createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bundles/b.tar.gz`
})
beforeEach(() => asked.splice(0))
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close?.()
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const sourceOf = ({ tls, ...change }: Partial<ServerSourceOptions> & { readonly tls?: Tls } = {}): Source => {
  const source = createServerSource({ url, fetch: fetchOf(change.url ?? url, tls), poll: 3_600_000, open: (bytes) => unpackBundle(bytes), ...change })
  opened.push(source)
  return source
}
const revisionOf = (read: Read): string => (read.ok ? read.sources.revision : JSON.stringify(read.problems))
const codes = (read: Read): readonly string[] => (read.ok ? [] : read.problems.map(({ code }) => code))
/** As a bundle server answers: by ETag, and at once. */
const serve = (current: () => string, headers: Record<string, string> = {}): Answer => (request, response) => {
  const etag = `"${current()}"`
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end()
  response.writeHead(200, { etag, ...headers }).end(bundleOf(current()))
}

test('a bundle is asked for as OPA asks, with the token, and read', async () => {
  answer = serve(() => 'r1')
  expect(revisionOf(await sourceOf({ token: async () => 's3cret' }).read())).toBe('r1')
  expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret', prefer: 'modes=snapshot' })
})

test('what was not changed is not sent again, and is read as before', async () => {
  let revision = 'r1'
  answer = serve(() => revision)
  const source = sourceOf()
  await source.read()
  expect(revisionOf(await source.read())).toBe('r1')
  expect(asked.at(-1)?.headers['if-none-match']).toBe('"r1"')
  revision = 'r2'
  expect(revisionOf(await source.read())).toBe('r2')
})

test('a server that can hold a request holds it, and what comes is read without being asked for again', async () => {
  let revision = 'r1'
  const held: (() => void)[] = []
  const arrived = Promise.withResolvers<void>()
  const at = serve(() => revision, { 'content-type': 'application/vnd.openpolicyagent.bundles' })
  answer = (request, response) => {
    if (!request.headers.prefer?.includes('wait=')) return at(request, response)
    held.push(() => at(request, response))
    arrived.resolve()
  }
  const source = sourceOf({ wait: 30_000 })
  const changed = Promise.withResolvers<void>()
  source.watch?.(() => changed.resolve())
  await source.read()
  await arrived.promise
  expect(asked.at(-1)?.headers).toMatchObject({ prefer: 'modes=snapshot;wait=30', 'if-none-match': '"r1"' })
  revision = 'r2'
  held.shift()?.()
  await changed.promise
  const before = asked.length
  expect(revisionOf(await source.read())).toBe('r2')
  expect(asked).toHaveLength(before)
})

test('a server that cannot hold a request is asked from time to time', async () => {
  let revision = 'r1'
  answer = serve(() => revision)
  const source = sourceOf({ poll: 20, wait: 30_000 })
  await source.read()
  let current = Promise.withResolvers<void>()
  let changed = Promise.withResolvers<void>()
  source.watch?.(() => changed.resolve(), () => current.resolve())
  await current.promise
  expect(asked.every(({ headers }) => headers.prefer === 'modes=snapshot')).toBe(true)
  revision = 'r2'
  await changed.promise
  expect(revisionOf(await source.read())).toBe('r2')
  // It fails: that is told, by reading, and so is that it is over.
  const fine = answer
  answer = (_, response) => void response.writeHead(500).end()
  changed = Promise.withResolvers()
  await changed.promise
  expect(codes(await source.read())).toEqual(['unreachable'])
  answer = fine
  let read: Read | undefined
  while (read?.ok !== true) {
    changed = Promise.withResolvers()
    await changed.promise
    read = await source.read()
  }
  current = Promise.withResolvers()
  await current.promise
  expect(revisionOf(read)).toBe('r2')
})

const redirectTo = (location: string): Answer => (request, response) => (request.url === '/elsewhere' ? serve(() => 'evil')(request, response) : void response.writeHead(302, { location }).end())
test.each<[string, Answer, string]>([
  ['another address', redirectTo('/elsewhere'), 'redirected'],
  ['another host', redirectTo('http://other.example/b.tar.gz?token=s3cret'), 'redirected'],
  ['401', (_, response) => void response.writeHead(401).end(), 'credentials_refused'],
  ['403', (_, response) => void response.writeHead(403).end(), 'credentials_refused'],
  ['404', (_, response) => void response.writeHead(404).end(), 'bundle_missing'],
  ['503', (_, response) => void response.writeHead(503).end(), 'unreachable'],
  ['nothing new, unasked', (_, response) => void response.writeHead(304).end(), 'unreachable'],
  ['a page', (_, response) => void response.end('<html>'), 'not_a_bundle'],
  ['nothing', (_, response) => void response.end(), 'not_a_bundle'],
  ['half a bundle', (_, response) => {
    response.writeHead(200, { 'content-length': 1000 }).write(bundleOf('r').subarray(0, 50))
    setImmediate(() => response.destroy())
  }, 'unreachable'],
  ['a bundle without end', (_, response) => {
    const send = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
    }
    response.on('drain', send)
    send()
  }, 'too_large'],
  ['silence', () => undefined, 'timeout'],
  ['a bundle that drips', (_, response) => {
    const timer = setInterval(() => response.write('a'), 50)
    response.once('close', () => clearInterval(timer))
  }, 'timeout'],
])('a server that answers with %s is told of', async (_, how, code) => {
  answer = how
  const read = await sourceOf({ token: async () => 's3cret', within: code === 'timeout' ? 2_500 : 30_000 }).read()
  expect(codes(read)).toEqual([code])
  expect(JSON.stringify(read)).not.toContain('s3cret')
  expect(asked.map(({ url: path }) => path)).toEqual(['/bundles/b.tar.gz'])
})

test('a server that is not there is told of', async () => {
  expect(codes(await sourceOf({ url: 'http://127.0.0.1:1/b' }).read())).toEqual(['unreachable'])
})

test('closing ends a request that is held', async () => {
  answer = () => undefined
  const source = sourceOf()
  const read = source.read()
  await once(server, 'request')
  await source.close?.()
  expect(codes(await read)).toEqual(['stopped'])
})

test('an address that nothing is fetched from is refused by name', async () => {
  expect(codes(await sourceOf({ url: 'https://169.254.169.254/b.tar.gz' }).read())).toEqual(['address_refused'])
})

test('over https both ends are verified', async () => {
  const [authority, other] = [createAuthority('own'), createAuthority('other')]
  const own = authority.issue('server')
  const secure = https.createServer({ cert: own.cert, key: own.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }, (request, response) => serve(() => 'r1')(request, response)).listen(0, '127.0.0.1')
  await once(secure, 'listening')
  try {
    const at = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/b.tar.gz`
    const [client, stranger] = [authority.issue('client'), other.issue('client')]
    expect(revisionOf(await sourceOf({ url: at, tls: { ca: authority.cert, cert: client.cert, key: client.key } }).read())).toBe('r1')
    for (const tls of [{ ca: authority.cert }, { ca: other.cert, cert: client.cert, key: client.key }, { ca: authority.cert, cert: stranger.cert, key: stranger.key }]) expect(codes(await sourceOf({ url: at, tls }).read())).toEqual(['unreachable'])
  } finally {
    secure.closeAllConnections()
    secure.close()
    authority.remove()
    other.remove()
  }
})

test('a file is read, and again when it was replaced', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bundle-'))
  const path = join(directory, 'b 1.tar.gz')
  const source = createFileSource({ url: pathToFileURL(path).href, poll: 20, open: (bytes) => unpackBundle(bytes) })
  expect(codes(await source.read())).toEqual(['unreadable'])
  let changed = Promise.withResolvers<void>()
  const watching = source.watch?.(() => changed.resolve())
  writeFileSync(path, bundleOf('r1'))
  await changed.promise
  expect(revisionOf(await source.read())).toBe('r1')
  changed = Promise.withResolvers()
  writeFileSync(`${path}.new`, bundleOf('r2'))
  renameSync(`${path}.new`, path)
  await changed.promise
  expect(revisionOf(await source.read())).toBe('r2')
  watching?.close()
  rmSync(directory, { recursive: true })
})
