import { randomBytes } from 'node:crypto'
import { fc } from './support/property.ts'
import { digestText, readParams } from '../src/approval/digest.ts'
import { createSealing } from '../src/sealing.ts'

const key = randomBytes(32)
const uses = { seal: 'approval params', digest: 'approval digest' }
const about = ['apr_1', 'https://id.example', 'alice', 'crm', 'tools/call']

test('what is sealed opens as it was, under the same key and about the same thing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { seal, open } = createSealing(key, uses)
      expect(open(seal(text, about), about)).toBe(Buffer.from(text, 'utf8').toString('utf8'))
    }),
  )
})

test('any changed byte, any missing byte, is noticed', () => {
  const { seal, open } = createSealing(key, uses)
  const sealed = seal('{"sql":"DROP"}', about)
  for (let i = 0; i < sealed.length; i++) {
    const changed = Uint8Array.from(sealed)
    changed[i]! ^= 1
    expect(open(changed, about)).toBeUndefined()
    expect(open(sealed.subarray(0, i), about)).toBeUndefined()
  }
})

test.each(about.map((_, index) => index))('sealed bytes moved to another approval, caller, upstream or method (%i) do not open', (index) => {
  const { seal, open } = createSealing(key, uses)
  const moved = about.with(index, `${about[index]}x`)
  expect(open(seal('text', about), moved)).toBeUndefined()
})

test('another key opens nothing, and gives other digests', () => {
  const one = createSealing(key, uses)
  const other = createSealing(randomBytes(32), uses)
  expect(other.open(one.seal('text', about), about)).toBeUndefined()
  expect(other.digest('text')).not.toBe(one.digest('text'))
})

test('what was sealed for one use opens for no other, and its digests are others', () => {
  const one = createSealing(key, uses)
  const other = createSealing(key, { seal: 'kept', digest: 'kept digest' })
  expect(other.open(one.seal('text', about), about)).toBeUndefined()
  expect(other.digest('text')).not.toBe(one.digest('text'))
})

test('nothing of the text shows in the sealed bytes, and no two sealings are alike', () => {
  const { seal } = createSealing(key, uses)
  const sealed = seal('a secret worth hiding', about)
  expect(Buffer.from(sealed).includes('secret')).toBe(false)
  expect(Buffer.from(seal('a secret worth hiding', about)).equals(Buffer.from(sealed))).toBe(false)
})

test.each([0, 16, 31, 33])('a key of %i bytes is refused', (length) => {
  expect(() => createSealing(randomBytes(length), uses)).toThrow('32 bytes')
})

const text = (params: string, upstream = 'crm', method = 'tools/call') => digestText(upstream, method, readParams(params)!)

test('the digest is over what will run: member order and the text of numbers count', () => {
  const base = text('{"name":"q","arguments":{"a":1,"b":2}}')
  expect(text('{"name":"q","arguments":{"b":2,"a":1}}')).not.toBe(base)
  expect(text('{"name":"q","arguments":{"a":1.0,"b":2}}')).not.toBe(base)
  expect(text('{"name":"q","arguments":{"a":1,"b":2}}', 'files')).not.toBe(base)
  expect(text('{"name":"q","arguments":{"a":1,"b":2}}', 'crm', 'prompts/get')).not.toBe(base)
  expect(text('{"id":9007199254740993}')).not.toBe(text('{"id":9007199254740992}'))
})

test('the digest leaves out what differs between two sendings of one call, at the top only', () => {
  const base = text('{"name":"q","arguments":{"_meta":1}}')
  expect(text('{"_meta":{"progressToken":7},"name":"q","requestState":"s","inputResponses":{},"arguments":{"_meta":1}}')).toBe(base)
  expect(text('{"name":"q","arguments":{"_meta":2}}')).not.toBe(base)
})

test('params read back print as they were', () => {
  for (const params of ['{"a":1.0,"b":-0,"c":1e3,"d":9007199254740993,"e":0.1,"f":"\\u2028"}', '{"__proto__":{"x":1},"constructor":2}']) {
    expect(JSON.stringify(JSON.parse(JSON.stringify(readParams(params))))).toBe(JSON.stringify(JSON.parse(params)))
    expect(JSON.stringify(readParams('{"a":1.0,"b":-0,"d":9007199254740993}'))).toBe('{"a":1.0,"b":-0,"d":9007199254740993}')
  }
  expect(readParams('[1]')).toBeUndefined()
})
