import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { probeHttp } from '../../src/cli/doctor-probe.ts'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Servers over TLS: who they are is always verified, and the gateway shows who it is where it is told to.

let own: Authority
let other: Authority
const stubs: Record<string, StubServer> = {}
const directory = mkdtempSync(join(tmpdir(), 'mtls-'))
let gateway: TestGateway
let presented: string | undefined

beforeAll(async () => {
  own = createAuthority('own authority')
  other = createAuthority('another authority')
  const [server, misnamed] = [own.issue('server'), own.issue('misnamed', { altName: 'DNS:elsewhere.example' })]
  const foreign = other.issue('foreign')
  const client = own.issue('gateway')
  const base = mcpAnswers({})
  const of = ({ cert, key }: { cert: string; key: string }) => ({ cert, key })
  stubs['mutual'] = await startStubServer((request, response) => {
    presented = (response.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined // the server speaks TLS only
    return base(request, response)
  }, { ...of(server), ca: own.cert, requestCert: true, rejectUnauthorized: true })
  stubs['misnamed'] = await startStubServer(base, of(misnamed))
  stubs['foreign'] = await startStubServer(base, of(foreign))
  stubs['old'] = await startStubServer(base, { ...of(server), minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })
  const ca = { file: own.certFile }
  const url = (name: string) => stubs[name]?.url
  gateway = await startGateway({
    upstreams: {
      mutual: { url: url('mutual'), tls: { ca, certificate: { file: client.certFile }, key_from: { file: client.keyFile } } },
      anonymous: { url: url('mutual'), tls: { ca } },
      misnamed: { url: url('misnamed'), tls: { ca } },
      foreign: { url: url('foreign'), tls: { ca } },
      public: { url: url('foreign') },
      old: { url: url('old'), tls: { ca } },
    },
    rego: { 'policies/open/open.rego': allowAll },
  })
})
afterAll(async () => {
  await gateway?.close()
  await Promise.all(Object.values(stubs).map((stub) => stub.close()))
  own?.remove()
  other?.remove()
  rmSync(directory, { recursive: true, force: true })
})

const open = async (upstream: string, revision = '2025-11-25') => connect(gateway.mcp(upstream), await gateway.token({ subject: 'sam', groups: [] }, upstream), revision)

test('a server that wants a certificate is shown the configured one, on calls and on streams', async () => {
  const client = await open('mutual')
  expect(presented).toBe('gateway')
  presented = undefined
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'mutual')
  const stream = await fetch(gateway.mcp('mutual'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' } })
  expect(stream.status).toBe(200) // it offers none: the stream is the gateway's own
  await stream.body?.cancel()
  expect(presented).toBe('gateway')
})

test('doctor reaches it with the certificate, and says that it does not without', async () => {
  const url = String(stubs['mutual']?.url)
  const { cert, key } = own.issue('doctor')
  expect(await probeHttp({ url, credential: undefined, tls: { ca: own.cert, cert, key } })).toMatchObject({ ok: true })
  expect(await probeHttp({ url, credential: undefined, tls: { ca: own.cert } })).toMatchObject({ ok: false })
  expect(await probeHttp({ url, credential: undefined, tls: undefined })).toMatchObject({ ok: false })
})

test('without one, the server turns the gateway away, and the caller is told of a fault', async () => {
  await expect(open('anonymous')).rejects.toThrow(/502.*-33003/)
})

describe.each(['0', '1'])('with NODE_TLS_REJECT_UNAUTHORIZED=%s', (value) => {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  beforeAll(() => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = value
  })
  afterAll(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  test.each(['misnamed', 'foreign', 'public', 'old'])('%s is not spoken to', async (upstream) => {
    const stub = stubs[upstream === 'public' ? 'foreign' : upstream]
    await expect(open(upstream)).rejects.toThrow(/502.*-33003/)
    expect(stub?.received).toEqual([])
  })
})

describe('files that cannot be used are told before anything starts', () => {
  const attempt = (tls: object) => startGateway({ upstreams: { x: { url: 'https://127.0.0.1:1/mcp', tls } }, rego: {} })
  test('every mistake, in words', async () => {
    const [client, second] = [own.issue('one'), own.issue('two')]
    const junk = join(directory, 'junk.pem')
    writeFileSync(junk, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    const key = { file: client.keyFile }
    const certificate = { file: client.certFile }
    const rows: readonly [object, RegExp][] = [
      [{}, /ca, or certificate and key_from/],
      [{ certificate }, /the private key of the certificate/],
      [{ key_from: key }, /the certificate of the key/],
      [{ ca: { file: join(directory, 'none.pem') } }, /no file .*none\.pem/],
      [{ ca: { file: client.keyFile } }, /a file without a certificate/],
      [{ ca: { file: junk } }, /a certificate that cannot be read/],
      [{ certificate: { file: junk }, key_from: key }, /a certificate that cannot be read/],
      [{ certificate, key_from: { file: second.keyFile } }, /the key of another certificate/],
      [{ certificate, key_from: { file: junk } }, /something that is no private key/],
      [{ certificate, key_from: { env: 'NOT_SET' } }, /no variable NOT_SET/],
    ]
    for (const [tls, expected] of rows) await expect(attempt(tls)).rejects.toThrow(expected)
    await expect(startGateway({ upstreams: { x: { url: 'http://127.0.0.1:1/mcp', tls: { ca: { file: own.certFile } } } }, rego: {} })).rejects.toThrow(/https addresses/)
    for (const both of [{ url: 'https://a.example/mcp', urls: ['https://b.example/mcp'] }, { urls: [] }, { urls: ['https://a.example/', 'https://a.example/'] }, { labels: {} }]) {
      await expect(startGateway({ upstreams: { x: both }, rego: {} })).rejects.toThrow(/upstreams/)
    }
  })
})
