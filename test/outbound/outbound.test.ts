import { once } from 'node:events'
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { createServer as createSocketServer, type AddressInfo, type Server } from 'node:net'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { OutboundError, Outcome } from '../../src/outbound/errors.ts'
import { createOutbound, type OutboundUse, type Purpose } from '../../src/outbound/outbound.ts'
import { outboundSettings } from '../../src/outbound/settings.ts'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { startNameServer, type NameServer } from './name-server.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void
interface Listening {
  readonly port: number
  /** Connections, whatever came over them. */
  readonly seen: () => number
  readonly names: string[]
  answer: Answer
}

let authority: Authority
let dns: NameServer
const servers: Server[] = []
const listen = async (server: Server, host: string, port = 0): Promise<number> => {
  servers.push(server)
  server.listen(port, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A web server with the certificate of a name. */
const serve = async (name: string, host = '127.0.0.1', port = 0, altName = `DNS:${name}`): Promise<Listening> => {
  const { cert, key } = authority.issue(name, { altName })
  const names: string[] = []
  let seen = 0
  const listening = { seen: () => seen, names, answer: ((_request, response) => response.end('{"fine":true}')) as Answer }
  const server = createSecure({ cert, key, SNICallback: (asked, done) => { names.push(asked); done(null) } }, (request, response) => listening.answer(request, response))
  server.on('connection', () => (seen += 1))
  return Object.assign(listening, { port: await listen(server, host, port) })
}
/** Nothing must ever arrive here. */
const trap = async (host = '127.0.0.1', port = 0): Promise<Pick<Listening, 'port' | 'seen'>> => {
  let seen = 0
  const server = createSocketServer(socket => {
    seen += 1
    socket.destroy()
  })
  return { port: await listen(server, host, port), seen: () => seen }
}

const counted: [Purpose, Outcome][] = []
const outboundWith = (allow: readonly string[] = []) => {
  const outbound = createOutbound({ settings: outboundSettings.parse({ allow }), servers: [dns.address], count: (...one) => counted.push(one) })
  return (url: string | URL, use: Partial<OutboundUse> = {}, init?: RequestInit) => outbound.fetchFor({ purpose: 'client_metadata', tls: { ca: authority.cert }, within: 5_000, ...use })(url, init)
}
const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'answered', (fault: OutboundError) => fault.code ?? fault.name)

beforeAll(async () => {
  authority = createAuthority('Outbound')
  dns = await startNameServer()
})
beforeEach(() => {
  counted.length = 0
  dns.names.clear()
  dns.asked.length = 0
})
afterAll(async () => {
  for (const server of servers) server.close()
  await dns.close()
  authority.remove()
})

describe('what others name', () => {
  test.each([
    ['127.0.0.1'], ['127.1'], ['0x7f.0.0.1'], ['0x7f000001'], ['2130706433'], ['0177.0.0.1'], ['127.0.0.1.'], ['localhost'], ['LOCALHOST'], ['localhost.'], ['ip6-localhost'],
    ['[::ffff:127.0.0.1]'], ['[::ffff:7f00:1]'], ['[::1]'], ['[::]'], ['[::127.0.0.1]'], ['[64:ff9b::7f00:1]'], ['[2002:7f00:1::]'], ['0.0.0.0'], ['0'], ['127。0。0。1'], ['①②⑦.0.0.1'], ['user@127.0.0.1'], ['user:secret@inside.example.com'],
    ['inside.example.com'], ['both.example.com'], ['inside.example.com.'], ['alias'], ['-.example.com'],
  ])('%s inside this network is refused, and nothing reaches it', async host => {
    const [v4, v6] = [await trap(), await trap('::1').catch(() => undefined)]
    dns.names.set('inside.example.com', [['127.0.0.1']]).set('both.example.com', [['8.8.8.8', '127.0.0.1']]).set('alias', [['127.0.0.1']])
    const fetch = outboundWith()
    expect(await codeOf(fetch(`https://${host}:${v4.port}/keys`))).toBe('refused')
    if (v6 !== undefined) expect(await codeOf(fetch(`https://${host}:${v6.port}/keys`))).toBe('refused')
    expect(await codeOf(fetch(`http://${host}:${v4.port}/keys`))).toBe('refused')
    expect(v4.seen() + (v6?.seen() ?? 0)).toBe(0)
    expect(counted).toContainEqual(['client_metadata', 'refused'])
  })

  test.each(['http://169.254.169.254/latest/meta-data/', 'https://169.254.169.254/', 'https://[fd00:ec2::254]/', 'https://metadata.example.com/', 'https://100.64.0.1/', 'https://224.0.0.1/', 'https://8.8.8.8:22/', 'ftp://8.8.8.8/', 'file:///etc/passwd', 'data:text/plain,x', 'no address', 'https://', 'http://8.8.8.8/'])('%s is refused', async url => {
    dns.names.set('metadata.example.com', [['169.254.169.254']])
    expect(await codeOf(outboundWith()(url))).toBe('refused')
  })

  test('metadata services stay closed whatever is allowed or configured', async () => {
    dns.names.set('metadata.example.com', [['169.254.169.254']])
    const fetch = outboundWith(['0.0.0.0/0', '169.254.0.0/16', 'metadata.example.com'])
    expect(await codeOf(fetch('https://169.254.169.254/'))).toBe('refused')
    expect(await codeOf(fetch('https://169.254.169.254/', { configured: ['https://169.254.169.254/'] }))).toBe('refused')
    expect(await codeOf(outboundWith(['0.0.0.0/0'])('https://metadata.example.com/'))).toBe('refused')
  })

  test('a name that changes its address after the check is connected to at the checked one', async () => {
    const good = await serve('turning.example.com', '127.0.0.2')
    const bad = await trap('127.0.0.3', good.port)
    dns.names.set('turning.example.com', [['127.0.0.2'], ['127.0.0.3']])
    const fetch = outboundWith(['127.0.0.2'])
    const url = `https://turning.example.com:${good.port}/`
    expect(await (await fetch(url)).json()).toEqual({ fine: true })
    expect(good.names).toEqual(['turning.example.com'])
    expect(dns.asked).toHaveLength(1)
    expect(await codeOf(fetch(url))).toBe('refused')
    expect(bad.seen()).toBe(0)
  })

  test('a certificate of another name is no answer', async () => {
    const other = await serve('other.example.com')
    dns.names.set('wanted.example.com', [['127.0.0.1']])
    expect(await codeOf(outboundWith(['127.0.0.0/8'])(`https://wanted.example.com:${other.port}/`))).toBe('unreachable')
    expect(other.names).toEqual(['wanted.example.com'])
  })

  test('a redirect into the network is an answer, and not followed', async () => {
    const [inside, outside] = [await trap(), await serve('moved.example.com')]
    outside.answer = (_request, response) => response.writeHead(302, { location: `https://127.0.0.1:${inside.port}/` }).end()
    dns.names.set('moved.example.com', [['127.0.0.1']])
    const response = await outboundWith(['127.0.0.1'])(`https://moved.example.com:${outside.port}/`, {}, { redirect: 'follow' })
    expect(response.status).toBe(302)
    expect(inside.seen()).toBe(0)
  })

  test('a name without an address, and one whose servers say nothing, end in time', async () => {
    dns.names.set('nothing.example.com', [[]])
    const fetch = outboundWith()
    expect(await codeOf(fetch('https://nothing.example.com/'))).toBe('unresolved')
    expect(await codeOf(fetch('https://silent.example.com/', { within: 300 }))).toBe('timeout')
  })
})

describe('what an answer may be', () => {
  let server: Listening
  const fetch = (use: Partial<OutboundUse> = {}, init?: RequestInit) => outboundWith(['127.0.0.1'])(`https://bounds.example.com:${server.port}/there?a=b`, use, init)
  beforeAll(async () => {
    server = await serve('bounds.example.com')
  })
  beforeEach(() => dns.names.set('bounds.example.com', [['127.0.0.1']]))

  test('ten megabytes are too large, told beforehand or not', async () => {
    server.answer = (_request, response) => response.end(Buffer.alloc(10_000_000))
    expect(await codeOf(fetch())).toBe('too_large')
    server.answer = (_request, response) => {
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more))
      more()
    }
    expect(await codeOf(fetch())).toBe('too_large')
    expect(counted.at(-1)).toEqual(['client_metadata', 'too_large'])
  })

  const brotli = (bytes: Buffer): Buffer => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
  test.each([['gzip', gzipSync], ['br', brotli]] as const)('%s is unpacked as far as an answer may be large, and no further', async (coding, pack) => {
    server.answer = ({ headers }, response) => {
      expect(headers['accept-encoding']).toBe('identity')
      response.setHeader('content-encoding', coding).end(pack(Buffer.from('{"packed":true}')))
    }
    expect(await (await fetch()).json()).toEqual({ packed: true })
    const bomb = pack(Buffer.alloc(20_000_000))
    server.answer = (_request, response) => response.setHeader('content-encoding', coding).end(bomb)
    expect(await codeOf(fetch())).toBe('too_large')
    server.answer = (_request, response) => response.setHeader('content-encoding', `${coding}, gzip`).end('twice')
    expect(await codeOf(fetch())).toBe('unreachable')
  })

  test('heads that never end and bodies that trickle end in time', async () => {
    server.answer = () => undefined
    expect(await codeOf(fetch({ within: 300 }))).toBe('timeout')
    server.answer = (_request, response) => {
      response.write(' ')
      const timer = setInterval(() => response.write(' '), 20)
      response.once('close', () => clearInterval(timer))
    }
    expect(await codeOf(fetch({ within: 300 }))).toBe('timeout')
    server.answer = ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)
    expect(await codeOf(fetch())).toBe('unreachable')
  })

  test('whoever asked can give up', async () => {
    const giving = new AbortController()
    server.answer = () => giving.abort()
    await expect(fetch({}, { signal: giving.signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('what is sent arrives as it was given, for the host that was named', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
    server.answer = async (request, response) => {
      let body = ''
      for await (const part of request) body += String(part)
      resolve([request.method, request.url, request.headers.host, request.headers['content-type'], request.headers['x-own'], body])
      response.statusCode = 201
      response.end()
    }
    const response = await fetch({}, { method: 'POST', body: new URLSearchParams({ grant_type: 'x y' }), headers: { 'x-own': '1', host: 'elsewhere.example' } })
    expect(response.status).toBe(201)
    expect(await promise).toEqual(['POST', '/there?a=b', `bounds.example.com:${server.port}`, 'application/x-www-form-urlencoded;charset=UTF-8', '1', 'grant_type=x+y'])
  })
})

describe('what the operator wrote', () => {
  test('an origin inside the network is asked; another port of the same host is not', async () => {
    const [own, other] = [await serve('own', '127.0.0.1', 0, 'IP:127.0.0.1'), await trap()]
    const configured = [`https://127.0.0.1:${own.port}/issuer`]
    const fetch = outboundWith()
    expect((await fetch(`https://127.0.0.1:${own.port}/keys`, { configured })).status).toBe(200)
    expect(await codeOf(fetch(`https://127.0.0.1:${other.port}/keys`, { configured }))).toBe('refused')
    expect(other.seen()).toBe(0)
  })

  test('plain http is for loopback alone', async () => {
    const server = createPlain((_request, response) => response.end('{}'))
    const port = await listen(server, '127.0.0.1')
    const fetch = outboundWith()
    const url = `http://localhost:${port}/`
    expect((await fetch(url, { configured: [url] })).status).toBe(200)
    expect(await codeOf(fetch(url))).toBe('refused')
    expect((await outboundWith(['localhost'])(url)).status).toBe(200)
    expect(await codeOf(fetch('http://10.1.2.3/', { configured: ['http://10.1.2.3/'] }))).toBe('refused')
  })

  test.each(['10.0.0.0/33', '*.example.com', 'Example.com', 'https://example.com', '0x7f.1', '1.2.3', 'a b', ''])('%s is nothing that can be allowed', entry => {
    expect(outboundSettings.safeParse({ allow: [entry] }).success).toBe(false)
  })
})
