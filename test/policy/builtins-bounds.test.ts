/** No builtin of the host may run away: whatever it is given ends in an answer, an undefined or a fault, and soon. */
import { allBuiltins } from '../../src/policy/builtins/index.ts'
import { millisOfWork } from '../support/work.ts'

const fuel = 6_000_000
/** Generous: a hang is seconds, and the machine may be busy. */
const mostMillis = 5_000

const builtins = await allBuiltins()

function ask(name: string, operands: readonly string[]): string | undefined {
  let left = fuel
  const builtin = builtins[name]
  if (builtin === undefined) throw new Error(`no builtin ${name}`)
  const charge = (units: number): void => {
    left -= units
    if (left < 0) throw new Error('no fuel')
  }
  try {
    return builtin.run(operands, Object.assign(charge, { once: (_what: string, units: number) => charge(units) }))
  } catch (thrown) {
    return `fault: ${(thrown as Error).message}`
  }
}

const text = JSON.stringify
const chain = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`d${index}`, { anyOf: [{ $ref: `#/definitions/d${index + 1}` }, { $ref: `#/definitions/d${index + 1}` }] }]))

const hostile: readonly (readonly [name: string, ...operands: string[]])[] = [
  ['json.match_schema', '{}', '{"$ref":"#"}'],
  ['json.match_schema', '[1]', text({ definitions: { ...chain, d30: { type: 'string' } }, $ref: '#/definitions/d0' })],
  ['json.match_schema', text(text('a'.repeat(20_000))), '{"pattern":"(a+)+$"}'],
  ['json.match_schema', text(text(`${'{'.repeat(20_000)}}`)), '{"format":"uri-template"}'],
  ['json.match_schema', `[1${'0'.repeat(30_000)}1]`, '{"items":{"multipleOf":0.1}}'],
  ['json.patch', `[${'1,'.repeat(9_999)}1]`, `[${'{"op":"add","path":"/0","value":1},'.repeat(700)}{"op":"add","path":"/0","value":1}]`],
  ['graphql.parse_query', text(`${'#'.repeat(10_000)}\nx`)],
  ['graphql.is_valid', text(`{${'a '.repeat(3_000)}}`), text('type Query { a: Int }')],
  ['graphql.is_valid', text('{...F} fragment F on Query {...G} fragment G on Query {...F}'), text('type Query { a: Int }')],
  ['graph.reachable_paths', `{${Array.from({ length: 30 }, (_, index) => `"n${index}":["n${index + 1}","m${index}"],"m${index}":["n${index + 1}"]`).join(',')}}`, '["n0"]'],
  ['regex.globs_match', text('.*a'.repeat(600)), text('.*b'.repeat(600))],
  ['regex.globs_match', text('[\u0000-\u03ff]'.repeat(700)), text('a')],
  ['regex.template_match', text('<a>'.repeat(300)), text('a'.repeat(300)), text('<'), text('>')],
  ['time.parse_duration_ns', text(`${'11h'.repeat(1_300)}1`)],
  ['units.parse', text('1e999999')],
  ['yaml.unmarshal', text('['.repeat(8_000))],
  ['yaml.unmarshal', text(Array.from({ length: 12 }, (_, index) => `a${index}: &a${index} [${index === 0 ? 1 : Array(9).fill(`*a${index - 1}`).join(',')}]`).join('\n'))],
  ['yaml.marshal', text(`a${'\n'.repeat(8_000)}b`)],
  ['io.jwt.decode', text(`${Buffer.from('{"cty":"JWT"}').toString('base64url')}.${Buffer.from(`${"'".repeat(30_000)}x`).toString('base64url')}.`)],
  ['crypto.x509.parse_certificates', text(`-----BEGIN CERTIFICATE-----\n${':'.repeat(30_000)}\n-----END CERTIFICATE-----\n`)],
  ['net.cidr_expand', text('::/0')],
  ['numbers.range_step', '1', '1000000000000', '1'],
  ['object.subset', `[${'1,'.repeat(15_000)}1]`, `[${'1,'.repeat(7_000)}2]`],
  ['bits.lsh', '1e3', '1000000000'],
  ['bits.or', '1e4000', '-1e4000'],
  ['json.filter', `{"a":[${'1,'.repeat(30_000)}1]}`, `[${Array.from({ length: 5_000 }, (_, index) => `"a/${index}"`).join(',')}]`],
  ['json.remove', `${'{"a":'.repeat(400)}1${'}'.repeat(400)}`, `["${'a/'.repeat(20_000)}a"]`],
  ['regex.find_all_string_submatch_n', text('()'.repeat(300)), text('a'.repeat(60_000)), '-2'],
  ['regex.match', text('\\p{'.repeat(250)), text('a')],
  ['sprintf', text('%[1]x'.repeat(6_000)), `[${text('é'.repeat(15_000))}]`],
  ['sprintf', text('%[1]d'.repeat(6_000)), `[${'9'.repeat(30_000)}]`],
  ['sprintf', text('%[1]q'.repeat(6_000)), `[${text('\u0001'.repeat(5_000))}]`],
  ['numbers.range_step', '0', '9'.repeat(30_000), '9'.repeat(29_997)],
  ['json.patch', `{"a":${text('x'.repeat(10_000))}}`, `[${Array.from({ length: 900 }, (_, index) => `{"op":"copy","from":"","path":"/b${index}"}`).join(',')}]`],
  ['json.marshal_with_options', `${'[1,1,1,1,1,1,1,1,1,'.repeat(400)}1${']'.repeat(400)}`, `{"indent":"${'x'.repeat(100)}"}`],
  ['graphql.schema_is_valid', text(`union U = ${'T|'.repeat(7_000)}T type T {a: Int}`)],
  ['indexof_n', text('a'.repeat(30_000)), text('a'.repeat(15_000))],
]

test.each(hostile)('%s ends', (name, ...operands) => {
  expect(millisOfWork(() => ask(name, operands))).toBeLessThan(mostMillis)
})

test('what has no end is a fault, never an undefined that a rule might take for no', () => {
  const endless = hostile.filter(([name]) => ['net.cidr_expand', 'numbers.range_step', 'units.parse', 'graph.reachable_paths'].includes(name))
  expect(endless.map(([name, ...operands]) => ask(name, operands))).toEqual(endless.map(() => expect.stringContaining('fault')))
})

test('YAML that another reader would take otherwise is a fault', () => {
  const texts = ['a: [\n1,\n2\n]', 'a: "b"#c', "a: \"\\'\"", 'a: ! 1', '%YAML 1.1\n---\na', 'a: 1\n...\n', 'a:\u00a0\u2028b', 'a: &x:1 b', '[a:]', '{a: :1}', '|\nx']
  expect(texts.map((written) => ask('yaml.unmarshal', [text(written)]))).toEqual(texts.map(() => expect.stringContaining('fault')))
  expect(ask('yaml.marshal', ['1e400'])).toContain('fault')
  expect(ask('yaml.marshal', [text('\nx')])).toContain('fault')
})

test('what sprintf does not print as Go does is a fault', () => {
  expect(['%[2]0v', '%[1].2f', '%*'].map((format) => ask('sprintf', [text(format), '[1, 2]']))).toEqual(Array(3).fill(expect.stringContaining('fault')))
})

test('a token with times needs a time, and the same token is judged by that time alone', () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = ask('io.jwt.encode_sign', ['{"alg":"HS256"}', '{"exp":1000}', '{"kty":"oct","k":"c2VjcmV0"}'])
  expect(signed).toContain(part({ exp: 1000 }))
  const verify = (constraints: object): string | undefined => ask('io.jwt.decode_verify', [signed ?? '', JSON.stringify({ secret: 'secret', ...constraints })])
  expect(verify({})).toContain('there is no clock')
  expect(verify({ time: 999e9 })).toMatch(/^\[true/)
  expect(verify({ time: 1000e9 })).toMatch(/^\[false/)
})

test('a signature that takes randomness is a fault', () => {
  expect(ask('io.jwt.encode_sign', ['{"alg":"ES256"}', '{}', '{"kty":"oct","k":"c2VjcmV0"}'])).toContain('randomness')
})
