import { fc } from '../support/property.ts'
import { fold } from '../../src/wire/fold.ts'
import { parseExactJson } from '../../src/exact-json.ts'
import { isRawNumber, printJson, readJson, readText } from '../../src/wire/json.ts'
import type { JsonProblemCode } from '../../src/wire/json.ts'
import { printSlowly, readSlowly } from './reference.ts'
import { millisOfWork } from '../support/work.ts'

const options = { maxBytes: 1 << 20, maxDepth: 64, twins: 'anywhere' } as const

function read(text: string | Uint8Array, changed: Partial<Parameters<typeof readJson>[1]> = {}) {
  return readJson(typeof text === 'string' ? Buffer.from(text) : text, { ...options, ...changed })
}
function refusalOf(text: string | Uint8Array, changed: Partial<Parameters<typeof readJson>[1]> = {}): JsonProblemCode | 'accepted' {
  const reading = read(text, changed)
  return reading.ok ? 'accepted' : reading.problem.code
}
function printed(text: string): string {
  const reading = read(text)
  return reading.ok ? printJson(reading.value) : `refused: ${reading.problem.code}`
}
const bytes = (...parts: (string | number)[]): Uint8Array => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))))

describe('what is refused', () => {
  test.each([
    ['a repeated name at the top', '{"method":"tools/list","id":1,"method":"tools/call"}', 'duplicate_key'],
    ['a repeated name with equal values', '{"a":1,"a":1}', 'duplicate_key'],
    ['a name repeated in another spelling', '{"params":{"name":"a","\\u006eame":"b"}}', 'duplicate_key'],
    ['a name repeated deep in arguments', '{"a":[{"b":[{"c":{"x":1,"y":[],"x":2}}]}]}', 'duplicate_key'],
    ['a repeated empty name', '{"":1,"":2}', 'duplicate_key'],
    ['a repeated index name', '{"7":1,"a":0,"7":2}', 'duplicate_key'],
    ['names that differ in case only', '{"method":"a","Method":"b"}', 'twin_keys'],
    ['twins deep down', '{"a":{"b":[{"Sql":1,"sQL":2}]}}', 'twin_keys'],
    ['a long s as an s', '{"name\u017f":1,"names":2}', 'twin_keys'],
    ['a Kelvin sign as a k', '{"to\u212aen":1,"token":2}', 'twin_keys'],
    ['a sharp s as two', '{"stra\u00dfe":1,"STRASSE":2}', 'twin_keys'],
    ['__proto__', '{"params":{"__proto__":{"role":"admin"}}}', 'forbidden_key'],
    ['__proto__ in another spelling', '{"a":{"__pr\\u006fto__":1}}', 'forbidden_key'],
    ['trailing data', '{"a":1} {"b":2}', 'not_json'],
    ['trailing garbage', '{"a":1}x', 'not_json'],
    ['two objects by a line end', '{"a":1}\n{"b":2}', 'not_json'],
    ['a trailing NUL', '{"a":1}\u0000', 'not_json'],
    ['nothing', '', 'not_json'],
    ['a comment', '{"a":1/*b*/}', 'not_json'],
    ['a comma too many', '[1,]', 'not_json'],
    ['NaN', '[NaN]', 'not_json'],
    ['a leading zero', '[01]', 'not_json'],
    ['a raw line end in a string', '["a\nb"]', 'not_json'],
    ['an open string', '{"a":"b', 'not_json'],
    ['an open string that ends in a backslash', '{"a":"b\\', 'not_json'],
    ['a lone high surrogate', '["\\ud800"]', 'lone_surrogate'],
    ['a lone low surrogate after a long text', `["${'x'.repeat(100)}\\uDFFF"]`, 'lone_surrogate'],
    ['a lone surrogate in a name', '{"\\ud800":1}', 'lone_surrogate'],
    ['surrogates in the wrong order', '["\\udc00\\ud800"]', 'lone_surrogate'],
    ['a number no double can hold', '[1e400]', 'number_range'],
    ['the same, negative', '[-1E+400]', 'number_range'],
    ['a very long integer', `[${'9'.repeat(400)}]`, 'number_range'],
  ] as const)('%s', (_what, text, code) => {
    expect(refusalOf(text)).toBe(code)
  })

  test.each([
    ['FF in a string', bytes('{"a":"', 0xff, '"}')],
    ['an overlong slash', bytes('{"a":"', 0xc0, 0xaf, '"}')],
    ['a surrogate in UTF-8', bytes('{"a":"', 0xed, 0xa0, 0x80, '"}')],
    ['a cut character', bytes('{"a":"', 0xe4, 0xb8, '"}')],
    ['UTF-16', Buffer.from('{"a":"é"}', 'utf16le')],
  ])('%s', (_what, input) => {
    expect(refusalOf(input)).toBe('not_utf8')
  })

  test('a byte order mark', () => {
    expect(refusalOf(bytes(0xef, 0xbb, 0xbf, '{}'))).toBe('bom')
  })

  test('one byte too many', () => {
    expect(refusalOf('[1234]', { maxBytes: 6 })).toBe('accepted')
    expect(refusalOf('[1234]', { maxBytes: 5 })).toBe('too_large')
  })

  test('one level too many, and a bomb of them in no time', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(refusalOf(nested(64))).toBe('accepted')
    expect(refusalOf(nested(65))).toBe('too_deep')
    expect(refusalOf(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`)).toBe('too_deep')
    const bomb = Buffer.from(nested(100_000))
    expect(millisOfWork(() => expect(refusalOf(bomb)).toBe('too_deep'))).toBeLessThan(50)
  })

  test('no message repeats what was sent', () => {
    for (const text of ['{"secret-1":1,"secret-1":2}', '{"a":secret-1}', '["secret-1","\\ud800"]']) {
      const reading = read(text)
      expect(reading.ok).toBe(false)
      expect(JSON.stringify(reading)).not.toContain('secret-1')
    }
  })
})

describe('what is kept', () => {
  test.each([
    '1.0', '1e3', '-0', '9007199254740993', '1E-7', '0.10', '100.00', '-0.0', '0.1e1', '1.7976931348623157e308', '5e-324', '1e-400',
    '12345678901234567890.5', '0', '-1', '1.5', '-0.25', '123456789012345', '0.000001', '0.0000001', '0.1000000000000000055', '1e21', '2E5',
  ])('the number %s prints as it was written', (source) => {
    expect(printed(`[${source}]`)).toBe(`[${source}]`)
    expect(printed(`{"a":{"b":[1,${source}]},"c":${source},"d":2}`)).toBe(`{"a":{"b":[1,${source}]},"c":${source},"d":2}`)
    expect(printed(source)).toBe(source)
  })

  test('plain numbers are plain', () => {
    const reading = read('{"a":1,"b":-2.5,"c":1.0}')
    expect(reading.ok && Object.values(reading.value as object).map(isRawNumber)).toEqual([false, false, true])
  })

  test('odd numbers keep their places where names are indices', () => {
    const reading = read('{"b":1.0,"7":[2.00,3],"a":{"10":4,"9":5.0}}')
    expect(reading.ok && printJson(reading.value)).toBe('{"7":[2.00,3],"b":1.0,"a":{"9":5.0,"10":4}}')
  })

  test('members keep their order, text its characters', () => {
    const text = '{"z":"Zoë 世界 😀","a":{"y":"\\u2028\\/\\n\\"","x":[]},"constructor":{"prototype":{}},"toString":null}'
    const reading = read(text)
    expect(reading.ok && JSON.stringify(reading.value)).toBe(JSON.stringify(JSON.parse(text)))
    expect(reading.ok && Object.getPrototypeOf(reading.value)).toBe(Object.prototype)
  })

  test('a pair of escaped surrogates is one character', () => {
    expect(printed('["\\ud83d\\ude00"]')).toBe('["😀"]')
  })

  test('twins pass where only servers write', () => {
    expect(refusalOf('{"id":1,"ID":2}', { twins: 'none' })).toBe('accepted')
  })

  test('a repeated name is refused from servers too', () => {
    expect(refusalOf('{"id":1,"id":2}', { twins: 'none' })).toBe('duplicate_key')
  })
})

describe('names fold', () => {
  test('as every pair of Unicode that a case-blind pattern joins', () => {
    const joined: string[] = []
    for (let code = 0; code <= 0x1ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      const one = String.fromCodePoint(code)
      for (const other of [one.toLowerCase(), one.toUpperCase(), fold(one)]) {
        if (other === one || [...other].length !== 1) continue
        if (new RegExp(`^\\u{${code.toString(16)}}$`, 'iu').test(other) && fold(one) !== fold(other)) joined.push(one)
      }
    }
    expect(joined).toEqual([])
  })
})

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?$/),
)
const string = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => JSON.stringify(text)),
  fc.stringMatching(/^"([a-zA-Z:{},[\]0-9 ]|\\["\\/bfnrt]|\\u[dD][89a-fA-F0-9][0-9a-f]{2}|\\u00[0-9a-f]{2}){0,50}"$/),
  fc.constant(JSON.stringify(JSON.stringify({ a: [1, { 'b"': '\\' }] }))),
)
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('"a"', '"b"', '"A"', '"\\u0061"', '"k"', '"\u212a"', '"7"', '"10"', '"name"', '"Name"', '"__proto__"', '""') },
  { weight: 2, arbitrary: fc.stringMatching(/^"[a-z]{1,8}"$/) },
  { weight: 1, arbitrary: string },
)
const gap = fc.constantFrom('', '', '', ' ', '\n', '\t\r\n ')
const { json } = fc.letrec<{ json: string; array: string; object: string }>((tie) => ({
  json: fc.oneof({ maxDepth: 6, withCrossShrink: true }, number, string, fc.constantFrom('true', 'false', 'null'), tie('array'), tie('object')),
  array: fc.array(fc.tuple(gap, tie('json')).map((parts) => parts.join('')), { maxLength: 5 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .array(fc.tuple(gap, name, gap, tie('json'), gap).map(([before, key, colon, item, after]) => `${before}${key}${colon}:${colon}${item}${after}`), { maxLength: 5 })
    .map((members) => `{${members.join(',')}}`),
}))
const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...Buffer.from('{}[]":,\\ue0-.1 '), 0xff, 0xc3, 0x0a)), { maxLength: 2 })

describe('against a slow reader', () => {
  const agree = (input: Uint8Array, twins: 'anywhere' | 'none', maxDepth: number): void => {
    const slow = readSlowly(input, { maxDepth, twins: twins === 'anywhere' })
    const fast = readJson(input, { maxBytes: 1 << 20, maxDepth, twins })
    expect(fast.ok ? printJson(fast.value) : undefined).toBe(slow === undefined ? undefined : printSlowly(slow))
    if (fast.ok) expect(JSON.parse(printJson(fast.value))).toEqual(JSON.parse(Buffer.from(input).toString()))
  }

  test('both accept the same texts, and what is printed is what was read', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('anywhere', 'none'), fc.integer({ min: 1, max: 8 }), (text, twins, depth) => {
        agree(Buffer.from(text), twins, depth)
      }),
      { numRuns: 3000 },
    )
  })

  test('both refuse the same damaged texts', () => {
    fc.assert(
      fc.property(json, damage, (text, changes) => {
        const input = Buffer.from(text)
        for (const [at, byte] of changes) input[at % input.length] = byte
        agree(input, 'anywhere', 64)
      }),
      { numRuns: 3000 },
    )
  })

  test('a text inside a message is what `JSON.parse` makes of it, with the sources of its numbers', () => {
    const deep = fc.constantFrom(`${'['.repeat(200)}1.0${']'.repeat(200)}`, '{"a":1,"a":1.0,"__proto__":1e5,"7":2.50}', '["\\ud800",1e400,-0]', '["ä\u4e16",1.00]')
    const keepSource = (_key: string, value: unknown, { source }: { source?: string }) => (typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value)
    const exactly = (text: string) => {
      try {
        return JSON.stringify(JSON.parse(text, keepSource as (key: string, value: unknown) => unknown))
      } catch {
        return undefined
      }
    }
    fc.assert(
      fc.property(fc.oneof({ weight: 20, arbitrary: json }, deep), fc.constantFrom('', '', '}', '"'), (text, end) => {
        const value = readText(text + end)
        expect(value === undefined ? undefined : JSON.stringify(value)).toBe(exactly(text + end))
        if (value !== undefined) expect(JSON.stringify(parseExactJson(text + end))).toBe(exactly(text + end))
      }),
      { numRuns: 3000 },
    )
  })

  test('a long value prints as it does every time', () => {
    const reading = read(`{"a":[${'"\\u00e9",1.0,'.repeat(1000)}0],"7":{}}`)
    if (!reading.ok) throw new Error(reading.problem.code)
    expect(printJson(reading.value)).toBe(JSON.stringify(reading.value))
    expect(printJson(reading.value)).toBe(JSON.stringify(reading.value))
  })

  test('printing and reading again changes nothing', () => {
    fc.assert(
      fc.property(json, (text) => {
        const once = read(text)
        if (!once.ok) return
        const again = read(printJson(once.value))
        expect(again.ok && printJson(again.value)).toBe(printJson(once.value))
      }),
      { numRuns: 500 },
    )
  })
})
