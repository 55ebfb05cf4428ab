import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ExchangeWith, TlsIdentity } from '../../src/upstream/exchange.ts'
import { createPooledExchange } from '../../src/upstream/exchange-pooled.ts'
import { createProxiedExchange } from '../../src/upstream/exchange-proxied.ts'
import { createAuthority, type Authority } from '../support/certificates.ts'

// A server whose certificate changes between calls: every connection is verified, those of calls and those of streams.

type Certificate = Pick<https.ServerOptions, 'cert' | 'key' | 'minVersion' | 'maxVersion' | 'ciphers'>
let own: Authority
let other: Authority
let good: Certificate
const bad: Record<string, Certificate> = {}
/** As machines behind one address have them. */
const ticketKeys = randomBytes(48)

const of = ({ cert, key }: { readonly cert: string; readonly key: string }): Certificate => ({ cert, key })
beforeAll(() => {
  own = createAuthority('own authority')
  other = createAuthority('another authority')
  good = of(own.issue('server'))
  const { cert: leaf, key, keyFile } = own.issue('self-signed')
  const selfSigned = execFileSync('openssl', ['req', '-x509', '-key', keyFile, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { encoding: 'utf8' })
  Object.assign(bad, {
    'of another authority': of(other.issue('server')),
    'for another host': of(own.issue('misnamed', { altName: 'DNS:elsewhere.example' })),
    'signed by itself': { cert: selfSigned, key },
    'expired': of(own.issue('expired', { days: -1 })),
    'signed with SHA-1': of(own.issue('old', { digest: 'sha1' })),
    'over TLS 1.1': { cert: leaf, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' },
  })
})
afterAll(() => {
  own?.remove()
  other?.remove()
})

let reached = 0
async function serve(certificate: Certificate, version: string | undefined, port = 0): Promise<https.Server> {
  const options = { ...(version === undefined ? {} : { maxVersion: version as 'TLSv1.2' }), ...certificate, ticketKeys, sessionIdContext: 'one address' }
  const server = https.createServer(options, (_request, response) => {
    reached += 1
    response.setHeader('connection', 'close').end('{}')
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}
const stop = (server: https.Server) => new Promise<void>((resolve) => {
  server.close(() => resolve())
  server.closeAllConnections()
})
const call = async (exchange: ExchangeWith): Promise<number | string> => {
  try {
    const { status, body } = await exchange({ method: 'POST', headers: { authorization: 'Bearer secret' }, body: '{}', signal: new AbortController().signal, headersTimeout: 5000 })
    await body.whole(100, 1000)
    return status
  } catch (fault) {
    return (fault as { readonly code: string }).code
  }
}
const makers: readonly (readonly [string, (url: string, tls: TlsIdentity) => { exchange: ExchangeWith; close(): void }])[] = [['calls', createPooledExchange], ['streams', createProxiedExchange]]
const cases = makers.flatMap(([what, make]) => ['TLSv1.2', 'TLSv1.3'].map((version) => [what, version, make] as const))

test.each(cases)('%s over %s: nothing is sent to a machine that shows no good certificate, though it knows what the one before agreed', async (_what, version, make) => {
  let server = await serve(good, version)
  const { port } = server.address() as AddressInfo
  const { exchange, close } = make(`https://127.0.0.1:${port}/mcp`, { ca: own.cert })
  for (const [name, certificate] of Object.entries(bad)) {
    expect([name, await call(exchange), await call(exchange)]).toEqual([name, 200, 200])
    const before = reached
    await stop(server)
    server = await serve(certificate, version, port)
    // Certainly unsent: it may be sent to another replica.
    expect([name, await call(exchange), await call(exchange), reached - before]).toEqual([name, 'upstream_unreachable', 'upstream_unreachable', 0])
    await stop(server)
    server = await serve(good, version, port)
  }
  close()
  await stop(server)
})
