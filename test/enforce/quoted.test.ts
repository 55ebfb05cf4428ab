import { createUnquoter } from '../../src/enforce/quoted.ts'
import type { JsonObject } from '../../src/model.ts'
import { readJson } from '../../src/wire/json.ts'
import { millisOfWork } from '../support/work.ts'
import { byDetector, byPath } from './support.ts'

const bodyOf = (text: string): JsonObject => {
  const read = readJson(Buffer.from(text), { maxBytes: 1 << 20, maxDepth: 64, twins: 'none' })
  if (!read.ok) throw new Error(read.problem.message)
  return read.value as JsonObject // as the tests write it
}
const unquoted = (text: string, body: string, ...paths: readonly string[]): string | undefined =>
  createUnquoter([bodyOf(body)], paths.map((path) => byPath(path)))?.(text)

test('what a mask takes out of a message, no reason quotes', () => {
  const body = '{"arguments":{"password":"hunter2 \\"x\\"","pin":123456789012345678901,"who":"Ann","deep":{"a":["first secret"]}}}'
  expect(unquoted('hunter2 "x" is weak', body, '/arguments/password')).toBe('[MASKED] is weak')
  expect(unquoted('{"password": "hunter2 \\"x\\""} is weak', body, '/arguments/*')).toBe('{"password": "[MASKED]"} is weak')
  expect(unquoted('pin 123456789012345678901', body, '/arguments/pin')).toBe('pin [MASKED]')
  expect(unquoted('it says first secret', body, '/**/a')).toBe('it says [MASKED]')
  expect(unquoted('hunter2 "x"', body, '/arguments/other')).toBe('hunter2 "x"')
})

test('texts that are JSON are looked into as they are masked', () => {
  const text = JSON.stringify(JSON.stringify({ rows: [{ notes: 'private matter' }] }))
  expect(unquoted('a private matter', `{"content":[{"type":"text","text":${text}}]}`, '/structuredContent/**/notes')).toBe('a [MASKED]')
  expect(unquoted('a private matter', `{"taskId":"1","result":{"content":[{"type":"text","text":${text}}]}}`, '/result/structuredContent/**/notes')).toBe('a [MASKED]')
  expect(unquoted('a private matter', `{"content":[{"type":"text","text":${text}}]}`, '/arguments')).toBe('a private matter')
})

test('short values, which stand in every sentence, are left, and so is every text where no mask is for a place', () => {
  expect(unquoted('more than 50 of Ann', '{"a":50,"b":"Ann","c":true,"d":null}', '/*')).toBe('more than 50 of Ann')
  expect(createUnquoter([bodyOf('{"a":"secret"}')], [])).toBeUndefined()
  expect(createUnquoter([bodyOf('{"a":"secret"}')], [byDetector('email')])).toBeUndefined()
})

test('values that stand over one another in a reason leave no piece of each other', () => {
  expect(unquoted('Ann Miller earns 91500 a year', '{"a":{"pay":"Ann Miller earns 91500"},"b":{"pay":"1500 a year"}}', '/*/pay')).toBe('[MASKED]')
  expect(unquoted('it is 5711-0042 (internal)', '{"structuredContent":{"account":"5711-0042","other":"0042 (internal)"}}', '/structuredContent/*')).toBe('it is [MASKED]')
  expect(unquoted('abcabcabc', '{"a":"abcabc"}', '/a')).toBe('[MASKED]')
  expect(unquoted('secretsecret', '{"a":"secret","b":"][MA"}', '/*')).toBe('[MASKED][MASKED]')
})

test('a mask that cannot be read, a text that is nested too deeply, and too much to look for leave nothing', () => {
  expect(unquoted('text', '{"a":"secret"}', 'a')).toBe('[MASKED]')
  const deep = createUnquoter([{ content: [{ type: 'text', text: `${'['.repeat(200_000)}"secret"${']'.repeat(200_000)}` }] }], [byPath('/structuredContent/**')])
  expect(deep?.('secret')).toBe('[MASKED]')
  const values = JSON.stringify(Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`n${index}`, `value ${index}`])))
  expect(unquoted('no such thing'.padEnd(2000, '.'), values, '/*')).toBe('[MASKED]')
})

test('looking for very many values in a reason is soon done', () => {
  const values = JSON.stringify(Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`n${index}`, `value ${index}`])))
  const unquote = createUnquoter([bodyOf(values)], [byPath('/**')])
  expect(millisOfWork(() => unquote?.('x'.repeat(1000)))).toBeLessThan(500)
})

test('… and in very many reasons, of which those beyond a measure say nothing', () => {
  const values = JSON.stringify(Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`n${index}`, `value ${index}`])))
  const unquote = createUnquoter([bodyOf(values)], [byPath('/**')])
  const reasons = Array.from({ length: 5000 }, (_, index) => `not with value ${index}`)
  let told: readonly (string | undefined)[] = []
  expect(millisOfWork(() => (told = reasons.map((reason) => unquote?.(reason))))).toBeLessThan(1000)
  expect(told[0]).toBe('not with [MASKED]')
  expect(new Set(told)).toEqual(new Set(['not with [MASKED]', '[MASKED]']))
})

test('values that stand in a reason very often, one over another, are soon looked for', () => {
  const values = JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`n${index}`, 'a'.repeat(4 + index)])))
  const unquote = createUnquoter([bodyOf(values)], [byPath('/**')])
  let told: string | undefined
  expect(millisOfWork(() => (told = unquote?.('a'.repeat(20_000))))).toBeLessThan(1000)
  expect(told).toBe('[MASKED]')
})
