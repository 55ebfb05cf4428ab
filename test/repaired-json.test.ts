import { describe, expect, test } from '@jest/globals'
import { parseRight } from '../src/repaired-json.ts'
import { millisOfWork } from './support/work.ts'

/** What comes next in an object that begins so is expected to have this name. */
const expectName = (name: string) => JSON.parse(`{"q":1,${JSON.stringify(name)}:2}`) as unknown
const asSaid = (name: string) => `"${[...name].map((sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`

describe('names with escapes', () => {
  test.each([
    ['"p\\u0061th"', 'path', 'p\\u0'],
    ['"a\\/bc"', 'a/bc', 'a\\/b'],
    ['"a\\"bc"', 'a"bc', 'a\\"b'],
    ['"a\\\\bc"', 'a\\bc', 'a\\\\b'],
    ['"pr\\u00e9nom"', 'prénom', 'pr\\u00'],
    ['"\\ud83d\\ude00 x"', '😀 x', '\\ud8'],
    ['"\\ud800"', '\ud800', '\\'],
    ['"\\u0037"', '7', '\\'],
    ['"\\u005f_proto__"', '__proto__', '\\u005f_pr'],
    ['"\\ue000\\ue0000"', '\ue000\ue0000', '\\ue'],
  ])('%s is %j, whatever was read before', (written, name, before) => {
    for (const read of [JSON.parse, parseRight]) {
      expectName(before)
      const value = read(`{"q":1,${written} : {"in":[{"q":1,${written}:"\\\\"}]}}`) as Record<string, unknown>
      expect(Object.entries(value).find(([key]) => key !== 'q')?.[0]).toBe(name)
      const inner = (Object.entries(value).find(([key]) => key !== 'q')?.[1] as { in: Record<string, unknown>[] }).in[0]!
      expect(Object.entries(inner).find(([key]) => key !== 'q')).toEqual([name, '\\'])
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    }
  })

  test('what stands for them meanwhile is nothing that the text holds, and short', () => {
    const marks = ['\ue0000\ue0001\ue0002\ue000', '\ue0003\ue0000', '\ue000'.repeat(30_000)]
    const names = Array.from({ length: 2000 }, (_, index) => `\\${index}`)
    const expected = Object.fromEntries([...marks, ...names].map((name, index) => [name, index]))
    const text = JSON.stringify(expected)
    expect(millisOfWork(() => expect(parseRight(text)).toEqual(expected))).toBeLessThan(2_000)
  })

  test('a reviver is given the names, the values and what they were written as', () => {
    expectName('p\\u0')
    const seen: unknown[] = []
    const value = JSON.parse('{"q":1,"p\\u0061th":1.0,"n":"\\\\"}', function (this: unknown, key: string, member: unknown, context?: { source?: string }) {
      seen.push([key, context?.source])
      return typeof member === 'number' && context?.source === '1.0' ? JSON.rawJSON('1.0') : member
    } as (key: string, value: unknown) => unknown)
    expect(JSON.stringify(value)).toBe('{"q":1,"path":1.0,"n":"\\\\"}')
    expect(seen).toEqual([['q', '1'], ['path', '1.0'], ['n', '"\\\\"'], ['', undefined]])
  })

  test('a reviver is given objects with their names, and what it makes of them is left as it is', () => {
    const entries = (_key: string, value: unknown) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : value)
    expect(JSON.parse('{"\\\\":{"a\\u005c":[{"\\u005c":1.0}]}}', entries)).toEqual([['\\', [['a\\', [[['\\', 1]]]]]]])
  })

  test('a name that is repeated in another spelling counts once, at its first place, with its last value', () => {
    expectName('p\\u0')
    expect(JSON.stringify(JSON.parse('{"q":1,"p\\u0061th":1,"x":2,"path":3,"\\\\":4}'))).toBe('{"q":1,"path":3,"x":2,"\\\\":4}')
    expect(JSON.stringify(JSON.parse('{"p\\u0061th":1,"path":2,"p\\u0061th":3,"\\\\":4}'))).toBe('{"path":3,"\\\\":4}')
    expect(JSON.stringify(JSON.parse('{"\ue0000":1,"\\ue0000":2,"\ue0000":3,"\\ue0000\\ue0000":4,"\\\\":5}'))).toBe('{"\ue0000":3,"\ue0000\ue0000":4,"\\\\":5}')
    expect(JSON.stringify(JSON.parse('{"path":1,"p\\u0061th":2,"path":3,"\\\\":4,"x":5,"\\u005c":6}'))).toBe('{"path":3,"\\\\":6,"x":5}')
  })

  test('a text full of what could stand in for a name is read as fast as any', () => {
    const signs = '\ue000'.repeat(1_000_000)
    expect(JSON.parse(`{"\\\\":1,"${signs}":"${signs}"}`)).toEqual({ '\\': 1, [signs]: signs })
  })

  test('anything else is read and refused as always', () => {
    expect(JSON.parse(' "a\\"b" ')).toBe('a"b')
    expect(JSON.parse('["\\\\",{"a":"\\\\"}]')).toEqual(['\\', { a: '\\' }])
    expect(() => JSON.parse('{"a\\q":1}') as unknown).toThrow(SyntaxError)
    expect(() => JSON.parse('') as unknown).toThrow(SyntaxError)
    expect(JSON.parse(Buffer.from('{"\\u0061":1}') as unknown as string)).toEqual({ a: 1 })
  })

  test('random names are what they say they are, after names that are like them', () => {
    let seed = 7
    const random = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below
    const signs = ['a', 'b', '\\', '"', '/', 'u', '0', 'é', '\n', '😀'[0]!, '_', ':', ' ', '{']
    for (let round = 0; round < 3000; round += 1) {
      const name = Array.from({ length: 1 + random(4) }, () => signs[random(signs.length)]).join('')
      const written = random(2) === 0 ? JSON.stringify(name) : asSaid(name)
      expectName(written.slice(1, 1 + name.length))
      const text = `{"q":1,${written}:{"${round}":["\\"${round}:"]}}`
      expect(Object.keys(JSON.parse(text) as object).filter((key) => key !== 'q')).toEqual(name === 'q' ? [] : [name])
    }
  })
})
