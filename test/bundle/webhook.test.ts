import { createHmac } from 'node:crypto'
import { openDelivery } from '../../src/bundle/source/webhook.ts'

const now = 1614265330_000
const body = '{"ref":"refs/heads/main"}'
const secret = 'a secret of some length'
const hex = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest('hex')
const holds = (headers: Record<string, string>, { key = secret, text = body, at = now } = {}) => {
  const delivery = openDelivery(headers, key, at)
  for (const part of text.match(/[^]{1,7}/g) ?? []) delivery?.update(Buffer.from(part))
  return delivery?.holds()
}

test('the examples that GitHub and Standard Webhooks publish hold', () => {
  expect(holds({ 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' }, { key: "It's a Secret to Everybody", text: 'Hello, World!' })).toBe(true)
  const standard = { 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' }
  expect(holds(standard, { key: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', text: '{"test": 2432232314}' })).toBe(true)
})

const whsec = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const gitlab = (at: number, text = body, key = whsec) => ({
  'webhook-id': 'msg_1', 'webhook-timestamp': String(at / 1000),
  'webhook-signature': `v1,AAAA v1,${createHmac('sha256', Buffer.from(key.slice(6), 'base64')).update(`msg_1.${at / 1000}.${text}`).digest('base64')}`,
})

test.each([
  ['GitHub', { 'x-hub-signature-256': `sha256=${hex(secret, body)}`, 'x-hub-signature': 'sha1=0000' }, secret],
  ['Gitea', { 'x-gitea-signature': hex(secret, body) }, secret],
  ['Forgejo', { 'x-forgejo-signature': hex(secret, body), 'x-gitea-signature': hex(secret, body) }, secret],
  ['Bitbucket', { 'x-hub-signature': `sha256=${hex(secret, body)}` }, secret],
  ['GitLab with a secret token', { 'x-gitlab-token': secret }, secret],
  ['GitLab with a signing token', { ...gitlab(now), 'x-gitlab-token': 'another' }, whsec],
])('a delivery of %s holds, and not with another body, secret or signature', (_, headers, key) => {
  expect(holds(headers, { key })).toBe(true)
  expect(holds(headers, { key: `${key.slice(0, -4)}AAA=` })).toBe(false)
  const isPlain = !('webhook-signature' in headers) && 'x-gitlab-token' in headers
  expect(holds(headers, { key, text: `${body} ` })).toBe(isPlain)
  const [name = ''] = Object.keys(headers)
  for (const wrong of ['', 'sha256=', 'sha256=00', '0'.repeat(64), `sha256=${'0'.repeat(64)}`, 'v1,', `${key} `]) expect(holds({ ...headers, [name]: wrong }, { key })).toBe(false)
})

test('what was signed more than five minutes ago, or will be, does not hold', () => {
  for (const away of [-301_000, 301_000]) expect(holds(gitlab(now + away), { key: whsec })).toBe(false)
  for (const away of [-299_000, 299_000]) expect(holds(gitlab(now + away), { key: whsec })).toBe(true)
  expect(holds({ ...gitlab(now), 'webhook-timestamp': 'NaN' }, { key: whsec })).toBe(false)
})

test('a stronger signature that is wrong is not made good by a weaker one that is right', () => {
  expect(holds({ 'x-hub-signature-256': `sha256=${'0'.repeat(64)}`, 'x-gitlab-token': secret })).toBe(false)
  expect(holds({ 'x-forgejo-signature': '0'.repeat(64), 'x-gitea-signature': hex(secret, body) })).toBe(false)
})

test('without a signature there is nothing to hold, and SHA-1 is none', () => {
  expect(openDelivery({}, secret, now)).toBeUndefined()
  expect(openDelivery({ 'x-hub-signature': `sha1=${createHmac('sha1', secret).update(body).digest('hex')}` }, secret, now)).toBeUndefined()
})

test('a signing token without a key in it lets nobody in', () => {
  const timestamp = String(now / 1000)
  for (const secret of ['whsec_', 'whsec_!!']) {
    const signature = createHmac('sha256', '').update(`a.${timestamp}.{}`).digest('base64')
    const delivery = openDelivery({ 'webhook-id': 'a', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }, secret, now)
    delivery?.update(Buffer.from('{}'))
    expect(delivery?.holds()).toBe(false)
  }
})
