import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { modernHeaders, modernText } from '../../test/campaigns/client.ts'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf } from './caller.ts'
import { timesOf, type Times } from './figures.ts'
import { createWorld, type World } from './world.ts'

const perSecond = 100
const phase = 10_000
const slowSockets = 2_000

interface Flood {
  readonly name: string
  /** It makes the gateway work. */
  readonly costly: boolean
  /** Begins it; what is given back ends it and tells what it did. */
  readonly begin: (world: World, token: string) => Promise<() => string>
}

const socketsTo = ({ files }: World) => {
  const port = Number(new URL(files.url).port)
  const sockets = new Set<Socket>()
  return {
    sockets,
    open(): Socket {
      const socket = connect(port, '127.0.0.1')
      sockets.add(socket)
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
      return socket
    },
  }
}
const head = (world: World, token: string | undefined, length: number, more = '') =>
  `POST /mcp/stub HTTP/1.1\r\nHost: ${new URL(world.files.url).host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${length}\r\n${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}${more}`

/** Sockets that say a byte a second, for ever. */
const dripping = (name: string, first: (world: World, token: string) => string): Flood => ({
  name, costly: false,
  async begin(world, token) {
    const { sockets, open } = socketsTo(world)
    const begun: Socket[] = []
    for (let count = 0; count < slowSockets; count += 1) {
      const socket = open()
      begun.push(socket)
      socket.write(first(world, token))
      if (count % 100 === 99) await wait(50)
    }
    const timer = setInterval(() => {
      for (const socket of sockets) socket.write('x')
    }, 1_000)
    return () => {
      clearInterval(timer)
      const left = sockets.size
      for (const socket of sockets) socket.destroy()
      return `${begun.length - left} of ${begun.length} cut off meanwhile`
    }
  },
})

/** The same again and again on a few sockets, some thousands a second: as much as leaves this process time to measure. */
const repeating = (name: string, count: number, text: (world: World, token: string) => string): Flood => ({
  name, costly: true,
  async begin(world, token) {
    const { sockets, open } = socketsTo(world)
    let ended = false
    let sent = 0
    const keepOn = () => {
      if (ended) return
      const socket = open()
      const more = () => {
        while (!ended && !socket.destroyed) {
          sent += 1
          if (!socket.write(text(world, token))) return void socket.once('drain', more)
          if (sent % 10 === 0) return void setTimeout(more, 5)
        }
      }
      socket.once('connect', more).on('data', () => undefined).once('close', () => setTimeout(keepOn, 10))
    }
    for (let each = 0; each < count; each += 1) keepOn()
    return () => {
      ended = true
      for (const socket of sockets) socket.destroy()
      return `${sent} sent`
    }
  },
})

const call = (nonce: string) => modernText(1, 'tools/call', `"name":"work","arguments":{"nonce":"${nonce}"}`)
const lines = (headers: Readonly<Record<string, string>>) => Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')

const floods: readonly Flood[] = [
  dripping('2,000 sockets that send headers a byte a second', (world) => `POST /mcp/stub HTTP/1.1\r\nHost: ${new URL(world.files.url).host}\r\nX-Slow: `),
  dripping('2,000 sockets that send a body a byte a second', (world, token) => `${head(world, token, 1_000)}\r\n`),
  dripping('2,000 sockets without a token that send a body a byte a second', (world) => `${head(world, undefined, 1_000)}\r\n`),
  repeating('headers without end', 4, (world) => `GET /mcp/stub HTTP/1.1\r\nHost: ${new URL(world.files.url).host}\r\n${`X-Many: ${'y'.repeat(1_000)}\r\n`.repeat(40)}\r\n`),
  repeating('calls without a token, one after another on each socket', 2, (world) => `${head(world, undefined, Buffer.byteLength(call('n')), lines(modernHeaders('tools/call', 'work')))}\r\n${call('n')}`),
  repeating('calls of one caller, without waiting for their answers', 2, (world, token) => `${head(world, token, Buffer.byteLength(call('flood')), lines(modernHeaders('tools/call', 'work')))}\r\n${call('flood')}`),
]

async function callsFor(world: World, tally: Tally, name: string): Promise<Times> {
  const caller = await world.caller(`f${Math.random().toString(36).slice(2)}`)
  await caller.loadDuring(perSecond, () => wait(phase), 200)
  caller.close()
  const fates = caller.calls.map(fateOf)
  tally.checked(fates.length)
  const lost = fates.filter((fate) => fate !== 'answered' && fate !== 'refused').length
  if (lost > 0) tally.violation(`${name}: ${lost} of ${fates.length} good calls were not answered`)
  return timesOf(caller.calls)
}

/** What only waits must cost nobody anything. What is read and answered takes its share of the machine, and must not starve others. */
const isWorse = (calm: Times, stormy: Times, costly: boolean): boolean =>
  costly ? stormy.p50 > Math.max(1_000, 10 * calm.p50) : stormy.p99 > 2 * Math.max(calm.p99, 50) && stormy.p50 > 2 * Math.max(calm.p50, 25)

export const underFloods: Campaign = {
  title: 'slow sockets and floods of one caller leave the calls of others as they were',
  needs: [],
  size: {},
  async run({ tally, say }) {
    const world = await createWorld()
    try {
      await world.start()
      const token = await world.files.token({ subject: 'flooder', groups: [], expires: '2h' }, 'stub')
      await callsFor(world, tally, 'warm-up')
      for (const { name, costly, begin } of floods) {
        const calm = await callsFor(world, tally, 'calm')
        const end = await begin(world, token)
        const stormy = await callsFor(world, tally, name)
        const told = end()
        say(`${name}: p50 ${calm.p50.toFixed(0)} → ${stormy.p50.toFixed(0)} ms, p99 ${calm.p99.toFixed(0)} → ${stormy.p99.toFixed(0)} ms; ${told}`)
        if (isWorse(calm, stormy, costly)) tally.violation(`${name}: p50 ${calm.p50.toFixed(0)} → ${stormy.p50.toFixed(0)} ms, p99 ${calm.p99.toFixed(0)} → ${stormy.p99.toFixed(0)} ms`)
        await wait(1_000)
      }
    } finally {
      await world.close()
    }
  },
}
