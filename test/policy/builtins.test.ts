import { allBuiltins } from '../../src/policy/builtins/index.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { expectSame as expectSameOf, modulesOf, run as runOf } from './agree.ts'
import { build, openCompiler } from './support.ts'
import { millisOfWork } from '../support/work.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const expectSame = (calls: readonly string[]): Promise<void> => expectSameOf(compiler.opa, calls)
const run = (calls: readonly string[], fuel: number): ReturnType<typeof runOf> => runOf(compiler.opa, calls, fuel)

const values = [
  '1', '0', '-5', '1.5', '-0.25', '100.0', '1e30', '1e-7', '12345678901234567890', '3.0', '123456789.125', '1e400', '2e5', '1234567', '0.00001234',
  '"str"', '"aé🎉\\n\\"q\\\\"', '""', 'true', 'null', '[]', 'set()', '{}', '[1, "a", {"k": [true]}]', '{3, 1, "b", "a", true, [2]}', '{"z": {"y": 1, "x": [{2, 1}]}, "a": {}}',
]
const verbs = [
  '%v', '%s', '%d', '%f', '%.2f', '%e', '%E', '%g', '%G', '%.3g', '%8v', '%-8v|', '%08d', '%+d', '% d', '%5.1f', '%08.3f', '%+.1e', '%t', '%T', '%o', '%O',
  '%.2s', '%10.3s', '%.0f', '%5s', '%05s', '%.5d', '%z', '%%', '100%', '%',
]

test('sprintf prints every value under every verb as Go does', async () => {
  await expectSame(values.flatMap((value) => verbs.map((verb) => `sprintf(${JSON.stringify(verb)}, [${value}])`)))
})

test('sprintf tells of missing and extra values as Go does', async () => {
  await expectSame(['sprintf("%d %s", [1])', 'sprintf("x", [1, "a", 1.5, 12345678901234567890])', 'sprintf("100%", [])', 'sprintf("%d%%", [5])', 'sprintf("%q %x", ["a\\tb", "hé"])'])
})

test('patterns split, find and replace as Go does', async () => {
  await expectSame([
    'regex.split(`x*`, "axbxc")', 'regex.split(`\\b`, "hello world")', 'regex.split(`,`, "")', 'regex.split(``, "")', 'regex.split(``, "aé🎉")',
    'regex.split(`,`, ",a,,b,")', 'regex.split(`(`, "a")', 'regex.split(`(?s).`, "ab")',
    'regex.find_n(`^a|b$`, "aab", -1)', 'regex.find_n(``, "aé🎉", -1)', 'regex.find_n(`a*`, "baaab", -1)', 'regex.find_n(`(?i)É`, "éÉ", -1)',
    'regex.find_n(`\\pL+`, "aé1b", -1)', 'regex.find_n(`(?m)^.`, "a\\nb", -1)', 'regex.find_n(`a`, "aaa", 2)', 'regex.find_n(`\\x{1F389}`, "a🎉", -1)',
    'regex.replace("abc", ``, "-")', 'regex.replace("abc", `(b)|(z)`, "[$1$2$3x${1}x$1x$]")', 'regex.replace("abc", `(?P<name>b)`, "$name-${name}-$namex")',
    'regex.replace("aaa", `a`, "$0$0")', 'regex.replace("x", "x", "$$1")', 'regex.replace("x", "x", "${")', 'regex.replace("aé🎉b", ``, "|")',
  ])
})

test('texts and times are read as Go does', async () => {
  await expectSame([
    'strings.any_prefix_match([], "a")', 'strings.any_prefix_match("", [""])', 'strings.any_suffix_match({"ab", "c"}, {"x", "b"})', 'strings.count("aaa", "aa")',
    'crypto.sha256("é")', 'hex.encode("é")', 'base64url.encode_no_pad("é?>")',
    'time.parse_rfc3339_ns("2026-02-30T00:00:00Z")', 'time.parse_rfc3339_ns("2026-11-21T24:00:00Z")', 'time.parse_rfc3339_ns("2026-11-21T10:20:30,5Z")',
    'time.parse_rfc3339_ns("2026-11-21t10:20:30z")', 'time.parse_rfc3339_ns("9999-11-21T10:20:30Z")', 'time.parse_rfc3339_ns("2026-11-21T10:20:60Z")',
    'time.parse_rfc3339_ns("2026-11-21T10:20:30+25:00")', 'time.parse_rfc3339_ns("2026-11-21T10:20:30.1234567899Z")', 'time.parse_rfc3339_ns("now")',
    'time.clock([1, ""])', 'time.clock(-1)', 'time.date(-1)', 'time.weekday(1800000000000000000)', 'time.date(1e30)',
  ])
})

test.each([
  ['a pattern that is too long', `regex.split("${'a'.repeat(1025)}", "a")`],
  ['a pattern that is too large', 'regex.split(`((abcdef){1,30}){1,30}`, "a")'],
  ['the time zone of the machine', 'time.clock([1, "Local"])'],
  ['a width that is too large', 'sprintf("%9999d", [1])'],
])('%s is a fault, never an undefined that a rule might take for no', async (_name, call) => {
  expect(await run([call], 4_000_000)).toMatchObject([{ ok: false, fault: 'builtin' }])
})

test('every builtin of the host refuses more than its bytes', async () => {
  const long = 'concat("", [x | some _ in numbers.range(1, 2700); x := "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"])'
  const calls = ['regex.split("a", LONG)', 'regex.find_n("a", LONG, -1)', 'regex.replace(LONG, "a", "b")', 'sprintf("%s", [LONG])', 'hex.encode(LONG)', 'time.parse_rfc3339_ns(LONG)', 'strings.count(LONG, "a")']
  const outcomes = await run(calls.map((call) => call.replace('LONG', long)), 50_000_000)
  expect(outcomes.map((outcome) => outcome.ok || outcome.fault)).toEqual(calls.map(() => 'builtin'))
  const large = Object.entries(await allBuiltins()).filter(([, { maxBytes }]) => maxBytes > 256 * 1024)
  expect(large.map(([name]) => name).toSorted()).toEqual(['base64.is_valid', 'concat', 'json.is_valid', 'json.marshal'])
})

test('a pattern that made a backtracking engine run for seconds is answered, or stopped by its fuel, at once', async () => {
  const evil = [`regex.split("(\\\\w+\\\\s?)*$", "${'a'.repeat(30)}!")`, `regex.find_n("(x+x+)+y", "${'x'.repeat(5000)}", -1)`, `regex.replace("${'a'.repeat(20_000)}", "a.*z|a", "b")`]
  for (const call of evil) {
    const module = await compileModule(await build(compiler.opa, modulesOf([call]), ['probe/p0']))
    const instance = instantiate(module)
    expect(millisOfWork(() => instance.evaluate('probe/p0', undefined, 4_000_000))).toBeLessThan(5_000)
  }
})
