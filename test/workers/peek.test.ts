import { SignJWT } from 'jose'
import { placeOf } from '../../src/workers/owner.ts'
import { createPeek } from '../../src/workers/peek.ts'

const gateway = 'https://gateway.example'
const peek = createPeek({ publicUrl: gateway, issuers: [{ issuer: 'https://id.example', claims: {} }, { issuer: 'https://ci.example', claims: { subject: 'job.repository' } }] })
const ally = placeOf({ issuer: 'https://id.example', subject: 'ally' })

const key = new Uint8Array(32).fill(7)
const token = (claims: Record<string, unknown>) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
const head = (authorization: string) => `POST /mcp/crm HTTP/1.1\r\nHost: x\r\n${authorization}Content-Length: 2\r\n\r\n{}`
const told = async (claims: Record<string, unknown>) => peek(Buffer.from(head(`Authorization: Bearer ${await token(claims)}\r\n`)))

test('a request claims the place of the issuer and subject of its token, however its bytes arrive', async () => {
  const bytes = Buffer.from(head(`authorization:   bearer  ${await token({ iss: 'https://id.example', sub: 'ally' })}\r\n`))
  const whole = bytes.indexOf('\r\n\r\n') + 4
  for (let length = 0; length <= bytes.length; length += 1) {
    expect(peek(bytes.subarray(0, length))).toEqual(length < whole ? 'more' : ally)
  }
})

test('whoever acts for somebody is the caller', async () => {
  expect(await told({ iss: 'https://id.example', sub: 'ally', act: { sub: 'bot' } })).toBe(placeOf({ issuer: 'https://id.example', subject: 'bot' }))
  expect(await told({ iss: 'https://id.example', sub: 'ally', act: { iss: 'https://else.example', sub: 'bot' } })).toBe(placeOf({ issuer: 'https://id.example', subject: 'https://else.example#bot' }))
  expect(await told({ iss: gateway, sub: 'acc_1', place: ally, act: { sub: 'bot', act: { sub: 'before' } } })).toBe(placeOf({ issuer: gateway, subject: 'bot' }))
})

test('where an issuer names its callers by another claim, that is read', async () => {
  expect(await told({ iss: 'https://ci.example', sub: 'run-7', job: { repository: 'acme/app' } })).toBe(placeOf({ issuer: 'https://ci.example', subject: 'acme/app' }))
  expect(await told({ iss: 'https://ci.example', sub: 'run-7' })).toBe('nobody')
})

test('a token of the gateway says where its person belongs; what another says of that is not believed', async () => {
  expect(await told({ iss: gateway, sub: 'acc_1', place: ally })).toBe(ally)
  expect(await told({ iss: gateway, sub: 'nightly' })).toBe(placeOf({ issuer: gateway, subject: 'nightly' }))
  expect(await told({ iss: 'https://id.example', sub: 'ally', place: ally + 1 })).toBe(ally)
  for (const place of [-1, 4096, 1.5, 'x', null, [7]]) expect(await told({ iss: gateway, sub: 'acc_1', place })).toBe(placeOf({ issuer: gateway, subject: 'acc_1' }))
})

test.each([
  ['no token', ''],
  ['another scheme', 'Authorization: Basic YTpi\r\n'],
  ['a token in the body', 'X: 1\r\n\r\nAuthorization: Bearer e30.eyJpc3MiOiJhIiwic3ViIjoiYiJ9.x\r\n'],
  ['something that is no JSON', 'Authorization: Bearer a.b.c\r\n'],
  ['claims that are null', `Authorization: Bearer a.${Buffer.from('null').toString('base64url')}.c\r\n`],
  ['a subject that is no text', `Authorization: Bearer a.${Buffer.from('{"iss":"i","sub":7}').toString('base64url')}.c\r\n`],
  ['an actor that is null', `Authorization: Bearer a.${Buffer.from('{"iss":"i","sub":"s","act":{"sub":null}}').toString('base64url')}.c\r\n`],
])('%s: the request claims nothing', (_, authorization) => {
  expect(peek(Buffer.from(head(authorization)))).toBe('nobody')
})

test('what begins like no request is nobody\'s at once', () => {
  expect(peek(Buffer.from([0x16, 3, 1]))).toBe('nobody')
})

test('a head that does not end is given up', () => {
  expect(peek(Buffer.alloc(16 * 1024 - 1, 'X'))).toBe('more')
  expect(peek(Buffer.alloc(16 * 1024, 'X'))).toBe('nobody')
})
