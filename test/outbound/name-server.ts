import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface NameServer {
  readonly address: string
  /** What each name is at; a list of lists is answered one after the other, the last for ever. */
  readonly names: Map<string, readonly (readonly string[])[]>
  readonly asked: string[]
  close(): Promise<void>
}

const nameIn = (query: Buffer): { readonly name: string; readonly end: number } => {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 }
}

const recordOf = (address: string): Buffer => {
  const bytes = Buffer.from(address.split('.').map(Number))
  return Buffer.concat([Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, bytes.length]), bytes])
}

/** A name server (RFC 1035) of IPv4 addresses, on loopback. A name that it does not know it never answers for. */
export const startNameServer = async (): Promise<NameServer> => {
  const names: NameServer['names'] = new Map()
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const { name, end } = nameIn(query)
    const isV4 = query.readUInt16BE(end - 4) === 1
    const answers = names.get(name)
    if (answers === undefined) return
    const turn = asked.filter(one => one === name).length
    if (isV4) asked.push(name)
    const records = isV4 ? (answers[Math.min(turn, answers.length - 1)] ?? []).map(recordOf) : []
    const head = Buffer.from(query.subarray(0, 12))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(records.length, 6)
    head.fill(0, 8)
    socket.send(Buffer.concat([head, query.subarray(12, end), ...records]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, names, asked,
    close: () => new Promise(resolve => socket.close(() => resolve())),
  }
}
