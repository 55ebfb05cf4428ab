import * as opaWasm from '@open-policy-agent/opa-wasm'
import { fuelFor } from '../../src/policy/budget.ts'
import { addFuel } from '../../src/policy/fuel.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { createRandom, entrypoint, openCompiler } from './support.ts'
import { millisOfWork } from '../support/work.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const busy = `
decision := {
	"large": [x | some x in input.numbers; x > 50],
	"words": {upper(w) | some w in input.words; regex.match(\`^[a-m]+\`, w)},
	"found": [p | walk(input, [p, v]); v == 7],
	"sorted": sort(input.numbers),
	"text": concat("-", sort(input.words)),
	"sum": sum(input.numbers),
	"json": json.unmarshal(json.marshal(input.deep)),
	"in": net.cidr_contains("10.0.0.0/8", input.ip),
	"glob": [w | some w in input.words; glob.match("*a*", [], w)],
	"even": every_even,
}

default every_even := false

every_even if every x in input.numbers { x % 2 == 0 }
`

function randomInput(random: () => number): unknown {
  const upTo = (n: number): number => Math.floor(random() * n)
  const word = (): string => Array.from({ length: upTo(12) }, () => String.fromCodePoint(97 + upTo(26) + (random() < 0.05 ? 130 : 0))).join('')
  const deep = (level: number): unknown => {
    if (level === 0 || random() < 0.3) return [upTo(9), word(), random() < 0.5, null, random() * 100][upTo(5)]
    return random() < 0.5 ? Array.from({ length: upTo(4) }, () => deep(level - 1)) : Object.fromEntries(Array.from({ length: upTo(4) }, () => [word(), deep(level - 1)]))
  }
  return {
    numbers: Array.from({ length: upTo(20) }, () => (random() < 0.5 ? upTo(100) : random() * 100)),
    words: Array.from({ length: upTo(15) }, word),
    deep: deep(4),
    ip: `${upTo(20)}.${upTo(256)}.1.1`,
  }
}

test('a module with fuel answers as the plain one does, on thousands of random inputs', async () => {
  const wasm = await compiler.compile(busy)
  const plain = await opaWasm.loadPolicy(wasm, { initial: 8, maximum: 1024 })
  const fuelled = instantiate(await compileModule(wasm))
  const random = createRandom(7)
  for (let time = 0; time < 3000; time += 1) {
    const input = randomInput(random)
    const outcome = fuelled.evaluate(entrypoint, JSON.stringify(input), 10_000_000)
    if (!outcome.ok) throw new Error(outcome.detail)
    expect(outcome.results).toEqual(plain.evaluate(input))
  }
})

test('the same input needs the same fuel, whatever was judged before', async () => {
  const module = await compileModule(await compiler.compile(busy))
  const random = createRandom(11)
  const inputs = Array.from({ length: 100 }, () => JSON.stringify(randomInput(random)))
  const used = instantiate(module)
  const fuelOf = (instance: typeof used, input: string): number => instance.evaluate(entrypoint, input, 10_000_000).fuel
  for (const input of inputs) fuelOf(used, input)
  const first = inputs.map((input) => fuelOf(used, input))
  for (let time = 0; time < 20; time += 1) expect(inputs.toReversed().map((input) => fuelOf(used, input))).toEqual(first.toReversed())
  // The first pattern of an instance sets up the pattern engine: 8 units, once.
  for (const [index, input] of inputs.entries()) expect([0, 8]).toContain(fuelOf(instantiate(module), input) - (first[index] ?? 0))
})

test('the very fuel that is needed passes, and one less does not', async () => {
  const module = await compileModule(await compiler.compile(busy))
  const input = JSON.stringify(randomInput(createRandom(3)))
  const needed = instantiate(module).evaluate(entrypoint, input, 10_000_000).fuel
  expect(instantiate(module).evaluate(entrypoint, input, needed)).toMatchObject({ ok: true, fuel: needed })
  expect(instantiate(module).evaluate(entrypoint, input, needed - 1)).toMatchObject({ ok: false, fault: 'fuel' })
})

const loop = 'decision := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j])'

test('a loop that would run for hours stops', async () => {
  const instance = instantiate(await compileModule(await compiler.compile(loop)))
  const work = millisOfWork(() => expect(instance.evaluate(entrypoint, '{}', 4_000_000)).toMatchObject({ ok: false, fault: 'fuel', fuel: 4_000_000 }))
  expect(work).toBeLessThan(3_000)
})

const module = (...sections: readonly (readonly number[])[]): Uint8Array => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])
const types = [1, 4, 1, 0x60, 0, 0]
const functions = [3, 2, 1, 0]
const exported = [7, 5, 1, 1, 0x66, 0, 0]
const body = (...instructions: readonly number[]): number[] => [10, instructions.length + 4, 1, instructions.length + 2, 0, ...instructions, 0x0b]

test('a hand-written endless loop stops, and a module without globals gets one', () => {
  const wasm = addFuel(module(types, functions, exported, body(0x03, 0x40, 0x0c, 0, 0x0b)))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm))
  expect(() => (exports['f'] as () => void)()).toThrow(WebAssembly.RuntimeError)
  expect((exports['fuel'] as WebAssembly.Global).value).toBe(-1n)
})

test('recursion without any loop is counted', () => {
  const wasm = addFuel(module(types, functions, exported, body(0x10, 0)))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm))
  const fuel = exports['fuel'] as WebAssembly.Global
  fuel.value = 100n
  expect(() => (exports['f'] as () => void)()).toThrow(WebAssembly.RuntimeError)
  expect(fuel.value).toBe(-1n)
})

test.each([
  ['memory.copy, which copies uncounted', [0xfc, 10, 0, 0]],
  ['memory.fill', [0xfc, 11, 0]],
  ['a vector instruction', [0xfd, 12]],
  ['an atomic instruction', [0xfe, 0]],
  ['a tail call', [0x12, 0]],
  ['an exception', [0x08, 0]],
  ['table.get', [0x25, 0]],
])('an instruction that is not known is refused: %s', (_name, instructions) => {
  expect(() => addFuel(module(types, functions, exported, body(...instructions)))).toThrow('an instruction that is not known')
})

test('bytes that are no module, end early, or hold unknown sections are refused', async () => {
  const wasm = await compiler.compile(loop)
  expect(() => addFuel(Uint8Array.of(1, 2, 3))).toThrow('ends too early')
  expect(() => addFuel(Uint8Array.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]))).toThrow('version 1')
  expect(() => addFuel(wasm.subarray(0, wasm.length - 10))).toThrow('ends too early')
  expect(() => addFuel(module(types, functions, exported, [12, 1, 0], body(0x01)))).toThrow('section 12')
  expect(() => addFuel(module(types, functions, functions))).toThrow('section 3')
  expect(() => addFuel(module(types))).toThrow('without exports or code')
})

test('a module that brings its own fuel is refused', async () => {
  const fuelled = addFuel(await compiler.compile(loop))
  expect(() => addFuel(fuelled)).toThrow('already exports fuel')
})

test('patterns that are put together in a judgement are paid for each time, also those that mean nothing', async () => {
  const instance = instantiate(await compileModule(await compiler.compile('decision := count([1 | some i in numbers.range(1, input.n); regex.match(sprintf("(x{1,900}){%d}", [i]), "x")])')))
  const fuelOf = (n: number): number => instance.evaluate(entrypoint, JSON.stringify({ n }), 100_000_000).fuel
  fuelOf(10)
  const few = fuelOf(10)
  expect(fuelOf(10)).toBe(few)
  expect(fuelOf(110) - few).toBeGreaterThan(100 * 20_000)
})

test('a list of words as patterns is no runaway', async () => {
  const instance = instantiate(await compileModule(await compiler.compile('decision := count([1 | some i in numbers.range(1, 1000); regex.match(sprintf(`(?i)\\bword%d\\b`, [i]), "a word7 in a text")])')))
  expect(instance.evaluate(entrypoint, '{}', fuelFor(100))).toMatchObject({ ok: true })
})

test.each([
  ['replaced', 'regex.replace(x, `(?i)[^\\p{L}\\p{N}]+`, " ")'],
  ['found', 'regex.find_n(`\\p{Lu}\\p{Ll}+`, x, -1)'],
  ['split', 'regex.split(`\\P{L}+`, x)'],
  ['matched by a pattern that was put together', 'regex.match(concat("", [`(?i)^\\p{L}`, input.more]), x)'],
])('one pattern with classes of letters takes no runaway to be tried on a thousand names: %s', async (_name, rule) => {
  const instance = instantiate(await compileModule(await compiler.compile(`decision := count([1 | some x in input.xs; ${rule}])`)))
  const input = JSON.stringify({ more: '+', xs: Array.from({ length: 1000 }, (_, index) => `Customer ${index} Name`) })
  const whole = instance.evaluate(entrypoint, input, fuelFor(input.length))
  expect(whole).toMatchObject({ ok: true })
  // As much each time, though the pattern is kept.
  expect(instance.evaluate(entrypoint, input, fuelFor(input.length))).toEqual(whole)
})

/** Each does little within the module and much in the host, and each time with something new. */
const heavy = [
  ['a long number', 'to_number(input.digits)'],
  ['two long numbers', 'to_number(input.digits) * to_number(input.digits)'],
  ['letters of every script', 'regex.match(sprintf(`\\p{L}\\pN%d`, [i]), "xx")'],
  ['letters of every script, a thousand times', 'regex.match(sprintf(`\\p{L}{1,1000}%d`, [i]), "xx")'],
  ['letters of every script, in both cases', 'regex.find_n(sprintf(`(?i)\\p{L}%d`, [i]), "xx", 1)'],
  ['any thousand', 'regex.match(sprintf(`.{1,1000}%d`, [i]), "xx")'],
  ['whether there is such a pattern', 'regex.is_valid(sprintf(`(?i)\\pL%d`, [i]))'],
  ['groups of a pattern that is read otherwise', 'regex.find_all_string_submatch_n(sprintf(`\\p{L}%d`, [i]), "xx", 1)'],
] as const

test('what the host does for a module is charged about as the work of the module itself', async () => {
  const input = JSON.stringify({ digits: '9'.repeat(20_000) })
  const nanosOf = async (rule: string): Promise<number> => {
    const module = await compileModule(await compiler.compile(`decision := count([1 | some i in numbers.range(1, 2000); ${rule}])`))
    const instance = instantiate(module, { pages: 1024 })
    let [spent, times] = [0, 0]
    const work = millisOfWork(() => {
      for (; spent < 6_000_000; times += 1) spent += instance.evaluate(entrypoint, input, fuelFor(input.length)).fuel
    })
    return (1e6 * work) / spent
  }
  const ordinary = await nanosOf('some j in numbers.range(1, 100); sprintf("%d", [j]) == "x"')
  for (const [name, rule] of heavy) {
    const times = (await nanosOf(rule)) / ordinary
    expect(times < 15 ? '' : `${name} takes ${times.toFixed(0)} times what is charged for it`).toBe('')
  }
})
