import { basicAuth } from '../src/openid.ts'

const shown = (id: string, secret: string): string => {
  const headers = new Headers()
  basicAuth(secret)({ issuer: 'https://issuer.example' } as Parameters<ReturnType<typeof basicAuth>>[0], { client_id: id }, new URLSearchParams(), headers)
  return Buffer.from(headers.get('authorization')?.replace('Basic ', '') ?? '', 'base64').toString()
}

test('a client shows its secret as it is, where that needs no encoding: many servers do not decode', () => {
  expect(shown('our-gateway_1.eu', '0oa-_.Secret42')).toBe('our-gateway_1.eu:0oa-_.Secret42')
})

test('what would be read as something else is encoded', () => {
  expect(shown('https://gateway.example', 'a:b c%d+ü')).toBe('https%3A%2F%2Fgateway.example:a%3Ab+c%25d%2B%C3%BC')
})
