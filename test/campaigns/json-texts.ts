import fc from 'fast-check'

// JSON as others write it: the same value in many spellings, and what no two parsers agree on.

const hex = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`
const short: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '"': '\\"', '\\': '\\\\', '/': '\\/' }
/** Each character as it is, as a short escape, or by its number. */
const words = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 4 }), fc.constantFrom('7', '0', '00', '', 'toString', 'method', 'a\u0000b', '\u2028', '"}', '\\', '😀'))
const spelled = fc.tuple(words, fc.nat()).map(([value, seed]) => {
  let state = seed
  const units = value.split('').map((unit) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    if (state % 5 === 0) return hex(unit.charCodeAt(0))
    return unit < ' ' || unit === '"' || unit === '\\' || (unit === '/' && state % 2 === 0) ? (short[unit] ?? hex(unit.charCodeAt(0))) : unit
  })
  // Half of a pair as it is and half by its number would be no UTF-8.
  return value.isWellFormed() && units.join('').isWellFormed() ? `"${units.join('')}"` : JSON.stringify(value.toWellFormed())
})
/** What looks like something to be masked is replaced in the record, and cannot be compared. */
const isPlain = (text: string): boolean => !/\d{7}|@/.test(JSON.parse(text) as string)
const string = spelled.filter(isPlain)
const digits = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('1.0', '1e3', '-0', '-0.0', '9007199254740993', '0.10', '1E+2', '123456789012345678901234567890', '1e308', '5e-324', '1.50', '1e-400'),
)
const space = fc.constantFrom('', '', '', ' ', '\t', '  ')
const nameOf = (text: string): string => JSON.parse(text)
/** Names that differ in case only are one name to some readers. */
const foldedName = (text: string): string => nameOf(text).toUpperCase().toLowerCase()

/** Everything that a strict reader takes. */
export const { value: goodTexts } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    digits,
    string,
    fc.constantFrom('null', 'true', 'false', '{}', '[]', '""', '[ ]', '{ }'),
    fc.tuple(fc.array(tie('value'), { maxLength: 4 }), space).map(([items, gap]) => `[${gap}${items.join(`${gap},${gap}`)}]`),
    fc.tuple(fc.uniqueArray(string.filter((name) => nameOf(name) !== '__proto__'), { maxLength: 4, selector: foldedName }), fc.array(tie('value'), { minLength: 4, maxLength: 4 }), space)
      .map(([names, items, gap]) => `{${names.map((name, at) => `${gap}${name}${gap}:${gap}${items[at]}`).join(',')}${gap}}`),
  ),
}))

const bad = fc.oneof(
  fc.tuple(string, string).map(([name, value]) => `{${name}:1,${name}:${value}}`),
  fc.constantFrom(
    '{"a":1,"\\u0061":2}', '{"":1,"":2}', '{"7":1,"7":1}', '"\\ud800"', '"\\udc00\\ud800"', '{"\\ud800":1}', '01', '1.', '.5', '+1', '1e', '0x1', '1e400', '-1e999', 'NaN', 'Infinity', '-', "'a'",
    '[1,]', '{"a":1,}', '{a:1}', '{"a" 1}', '[1 2]', '"\t"', '"\u0000"', '"\\x41"', '"\\u12"', 'nul', 'True', '/**/1', '1 // one', '\ufeff1', '[', '{', '"', '{"a":1}}', '1]', `${'['.repeat(65)}${']'.repeat(65)}`,
  ),
)
const within = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.array(fc.tuple(fc.boolean(), goodTexts), { maxLength: 2 })).map(([text, around]) => around.reduce((inner, [list, other]) => (list ? `[${other},${inner}]` : `{"k":${other},"l":${inner}}`), text))
/** What a strict reader refuses, somewhere in what it would take. */
export const badTexts = within(bad)
/** What a careless server would take for something else than what was judged, too. */
export const badRequestTexts = fc.oneof({ weight: 4, arbitrary: badTexts }, { weight: 1, arbitrary: within(fc.constantFrom('{"name":1,"NAME":2}', '{"a":1,"\\u0041":2}', '{"k":1,"\u212a":2}', '{"s":{},"\u017f":{}}')) })
