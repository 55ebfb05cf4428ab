import { SignJWT } from 'jose'
import { peek } from '../../src/workers/peek.ts'

const key = new Uint8Array(32).fill(7)
const token = (claims: Record<string, unknown>) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key)
const head = (authorization: string) => `POST /mcp/crm HTTP/1.1\r\nHost: x\r\n${authorization}Content-Length: 2\r\n\r\n{}`
const told = async (claims: Record<string, unknown>) => peek(Buffer.from(head(`Authorization: Bearer ${await token(claims)}\r\n`)))

test('a request claims to be from the issuer and subject of its token, however its bytes arrive', async () => {
  const bytes = Buffer.from(head(`authorization:   bearer  ${await token({ iss: 'https://id.example', sub: 'ally' })}\r\n`))
  const whole = bytes.indexOf('\r\n\r\n') + 4
  for (let length = 0; length <= bytes.length; length += 1) {
    expect(peek(bytes.subarray(0, length))).toEqual(length < whole ? 'more' : { issuer: 'https://id.example', subject: 'ally' })
  }
})

test('whoever acts for somebody is the caller', async () => {
  expect(await told({ iss: 'https://id.example', sub: 'ally', act: { sub: 'bot' } })).toEqual({ issuer: 'https://id.example', subject: 'bot' })
  expect(await told({ iss: 'https://id.example', sub: 'ally', act: { iss: 'https://else.example', sub: 'bot' } })).toEqual({ issuer: 'https://id.example', subject: 'https://else.example#bot' })
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
