import { randomBytes } from 'node:crypto'
import { createTickets, type Holder, type Ticket } from '../../src/approval/tickets.ts'

const key = randomBytes(32)
const holder: Holder = { caller: 'sam', upstream: 'crm', method: 'tools/call' }
const ticket: Ticket = { kind: 'leg', approval: 'apr_1', digest: 'ff', grant: { id: 'apr_1', met: [], risk: 0, granted_by: ['rita'], at: '2026-01-01T00:00:00.000Z' }, leg: 2, definition: null, state: 'the server\'s own' }
let now = 1000
const tickets = createTickets(key, () => now)

test('a ticket comes back as it was given, and says nothing of itself', () => {
  const text = tickets.write(ticket, holder, 5000)
  expect(text).toMatch(/^sp[0-9a-f]{10}_[\w-]+$/)
  expect(Buffer.from(text.slice(13), 'base64url').toString('latin1')).not.toContain('apr_1')
  expect(tickets.read(text, holder)).toEqual({ kind: 'ticket', ticket })
  expect(createTickets(key, () => now).read(text, holder)).toEqual({ kind: 'ticket', ticket })
})

test('its time is over when it says', () => {
  const text = tickets.write(ticket, holder, 5000)
  now = 4999
  expect(tickets.read(text, holder).kind).toBe('ticket')
  now = 5000
  expect(tickets.read(text, holder)).toEqual({ kind: 'expired' })
  now = 1000
})

test.each(Object.keys(holder) as (keyof Holder)[])('it is of no use to anybody else, elsewhere, or for something else (%s)', (part) => {
  expect(tickets.read(tickets.write(ticket, holder, 5000), { ...holder, [part]: 'other' })).toEqual({ kind: 'broken' })
})

test('a changed one is told, and another gateway\'s or a server\'s own is not taken for one', () => {
  const text = tickets.write(ticket, holder, 5000)
  for (let at = 13; at < text.length; at += 7) {
    const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    if (Buffer.from(changed.slice(13), 'base64url').equals(Buffer.from(text.slice(13), 'base64url'))) continue
    expect(tickets.read(changed, holder)).toEqual({ kind: 'broken' })
  }
  expect(tickets.isOwn(text)).toBe(true)
  for (const foreign of ['', 'state', createTickets(randomBytes(32), () => now).write(ticket, holder, 5000)]) expect(tickets.isOwn(foreign)).toBe(false)
})
