import { wrongWith } from './campaigns.ts'
import { patiently, type Reply } from './client.ts'

// What judges whose an answer is must tell one that went astray from a gateway that says it is too busy.

const [nonce, other] = ['0', '1'].map((digit) => `nonce-${digit.repeat(8)}-0000-4000-8000-000000000000`)
const asked = (times: number) => ({ id: 7, nonce: nonce ?? '', times })
const answer = (id: number, text = ''): Reply => ({ status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } }) })
const refusal = (status: number, code: number, data?: object): Reply => ({ status, body: JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code, message: 'try again', data } }) })

test.each<[string, Reply, number]>([
  ['its own answer', answer(7, nonce), 1],
  ['a call that could not be read in time', { status: 408, body: '' }, 0],
  ['a call that was turned away', refusal(503, -33002), 0],
  ['a server that was not reached', refusal(502, -33003), 0],
  ['an answer that is withheld', refusal(503, -33002, { executed: true }), 1],
])('%s is as it should be', (_name, reply, times) => {
  expect(wrongWith(reply, asked(times))).toBeUndefined()
})
test.each<[string, Reply, number]>([
  ['the answer of another', answer(7, other), 1],
  ['the answer of another beside its own', answer(7, `${nonce} ${other}`), 1],
  ['its own under another id', answer(8, nonce), 1],
  ['another\'s in a refusal', refusal(503, -33002, { other }), 0],
  ['an empty answer', answer(7), 1],
  ['nothing', { status: 200, body: '' }, 1],
  ['another status', { status: 500, body: '' }, 0],
  ['its own, done twice', answer(7, nonce), 2],
  ['turned away, and done', refusal(503, -33002), 1],
  ['unread, and done', { status: 408, body: '' }, 1],
  ['unreached, and done', refusal(502, -33003), 1],
  ['withheld, and never done', refusal(503, -33002, { executed: true }), 0],
])('%s is wrong', (_name, reply, times) => {
  expect(wrongWith(reply, asked(times))).toBeDefined()
})

test('what was cut off or turned away is done again, and the last is told', async () => {
  const outcomes = [() => Promise.reject(new Error('cut')), () => Promise.resolve('refused'), () => Promise.resolve('done')]
  let tries = 0
  expect(await patiently(() => outcomes[tries++]?.() ?? Promise.reject(new Error('once more')), (outcome) => outcome === 'refused')).toBe('done')
  expect(tries).toBe(3)
})
