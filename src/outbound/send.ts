import { isIPv6, type LookupFunction } from 'node:net'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { Client, errors } from 'undici'
import { OutboundError } from './errors.ts'

export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}
export interface Send {
  readonly url: URL
  /** Connected to, and nothing else. */
  readonly addresses: readonly string[]
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  readonly tls: Tls | undefined
  /** Bytes of the answer's body, as it comes and as it is once it is unpacked. */
  readonly largest: number
  /** Left as it came where false. */
  readonly unpack: boolean
  /** Milliseconds until its head is there. */
  readonly headWithin: number
  readonly signal: AbortSignal
}

const connectWithin = 10_000

const unpackers: Readonly<Record<string, (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip), 'x-gzip': promisify(gunzip), deflate: promisify(inflate), br: promisify(brotliDecompress),
}

const tooLarge = (host: string, largest: number): OutboundError => new OutboundError('too_large', `${host}: an answer of more than ${largest} bytes`)

/** It was asked for as it is; some hosts pack it all the same. Once, and no further than allowed. */
const unpacked = async (bytes: Buffer, coding: string, host: string, largest: number): Promise<Buffer> => {
  if (coding === '' || coding === 'identity') return bytes
  const unpack = Object.hasOwn(unpackers, coding) ? unpackers[coding] : undefined
  if (unpack === undefined) throw new OutboundError('unreachable', `${host}: an answer packed in an unknown way`)
  try {
    return await unpack(bytes, { maxOutputLength: largest })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(host, largest)
    throw new OutboundError('unreachable', `${host}: an answer that cannot be unpacked`, cause)
  }
}

const toChecked = (addresses: readonly string[]): LookupFunction => (_host, options, done) => {
  const all = addresses.map(address => ({ address, family: isIPv6(address) ? 6 : 4 }))
  const [first] = all
  if (options.all === true || first === undefined) done(null, all)
  else done(null, first.address, first.family)
}

const bodyless = [204, 205, 304]

/** One exchange on a connection of its own, to exactly the addresses given. Redirects are answers like others. */
export const send = async ({ url, addresses, method, headers, body, tls, largest, unpack, headWithin, signal }: Send): Promise<Response> => {
  const client = new Client(url.origin, {
    connect: { ...tls, minVersion: 'TLSv1.2', lookup: toChecked(addresses), timeout: connectWithin },
    maxResponseSize: largest, headersTimeout: headWithin, bodyTimeout: headWithin, pipelining: 1,
  })
  try {
    const answer = await client.request({ path: `${url.pathname}${url.search}`, method: method as 'GET', headers, body: body ?? null, signal })
    const came = Buffer.from(await answer.body.arrayBuffer())
    const named = new Headers()
    for (const [name, value] of Object.entries(answer.headers)) for (const one of [value ?? []].flat()) named.append(name, one)
    const bytes = unpack ? await unpacked(came, (named.get('content-encoding') ?? '').trim().toLowerCase(), url.host, largest) : came
    if (unpack) for (const name of ['content-encoding', 'content-length']) named.delete(name)
    const response = new Response(bodyless.includes(answer.statusCode) ? null : new Uint8Array(bytes), { status: answer.statusCode, headers: named })
    Object.defineProperty(response, 'url', { value: url.href })
    return response
  } catch (fault) {
    if (fault instanceof OutboundError) throw fault
    signal.throwIfAborted()
    if (fault instanceof errors.ResponseExceededMaxSizeError) throw tooLarge(url.host, largest)
    if (fault instanceof errors.ConnectTimeoutError || fault instanceof errors.HeadersTimeoutError || fault instanceof errors.BodyTimeoutError) throw new OutboundError('timeout', `${url.host}: no answer in time`, fault)
    const { code, message } = fault as NodeJS.ErrnoException
    throw new OutboundError('unreachable', `${url.host}: ${code ?? message}`, fault)
  } finally {
    void client.destroy().catch(() => undefined)
  }
}
