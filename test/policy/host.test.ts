import { compileModule, instantiate, type PolicyInstance } from '../../src/policy/host.ts'
import { build, createRandom, entrypoint, openCompiler } from './support.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const fuel = 4_000_000
async function open(source: string, data?: string): Promise<PolicyInstance> {
  return instantiate(await compileModule(await compiler.compile(source)), data === undefined ? {} : { data })
}

test('numbers reach Rego with their own digits', async () => {
  const policy = await open('decision := {"same": input.n == 9007199254740993, "near": input.n == 9007199254740992, "text": sprintf("%d", [input.n])}')
  const outcome = policy.evaluate(entrypoint, JSON.stringify({ n: JSON.rawJSON('9007199254740993') }), fuel)
  expect(outcome).toMatchObject({ ok: true, results: [{ result: { same: true, near: false, text: '9007199254740993' } }] })
})

test('data reaches Rego, and no data is an empty document', async () => {
  const source = 'default decision := "none"\n\ndecision := data.limits.rows'
  expect((await open(source, '{"limits":{"rows":5}}')).evaluate(entrypoint, '{}', fuel)).toMatchObject({ results: [{ result: 5 }] })
  expect((await open(source)).evaluate(entrypoint, '{}', fuel)).toMatchObject({ results: [{ result: 'none' }] })
})

test('data that is not JSON or does not fit is an error, never an empty document', async () => {
  const module = await compileModule(await compiler.compile('decision := 1'))
  expect(() => instantiate(module, { data: '{"a":' })).toThrow('the data does not load')
  expect(() => instantiate(module, { data: JSON.stringify('x'.repeat(1_000_000)), maxPages: 16 })).toThrow('the data does not load')
})

test('an absent input is undefined to Rego', async () => {
  const policy = await open('default decision := "none"\n\ndecision := "some" if input')
  expect(policy.evaluate(entrypoint, undefined, fuel)).toMatchObject({ results: [{ result: 'none' }] })
  expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ results: [{ result: 'some' }] })
})

test('an undefined rule, and input that is no JSON, give no result', async () => {
  const policy = await open('decision := 1 if input.x')
  expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ ok: true, results: [] })
  expect(policy.evaluate(entrypoint, '{"x":', fuel)).toMatchObject({ ok: true, results: [] })
})

test('an unknown entrypoint is a fault and leaves the instance good', async () => {
  const policy = await open('decision := 1')
  expect(policy.evaluate('other/rule', '{}', fuel)).toMatchObject({ ok: false, fault: 'entrypoint' })
  expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ results: [{ result: 1 }] })
})

test('a builtin that the host lacks is a fault, and the instance is spent', async () => {
  const policy = await open('decision := http.send({"method": "get", "url": "http://127.0.0.1:9/"})')
  expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ ok: false, fault: 'builtin', detail: 'the host has no builtin http.send' })
  expect(policy.isSpent()).toBe(true)
  expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ ok: false })
})

const working = `
words contains upper(word) if some word in split(input.text, " ")

decision := {
	"words": words,
	"found": [word | some word in data.words; regex.match(input.pattern, word)],
	"json": json.unmarshal(json.marshal({"n": input.n, "words": words})),
	"sorted": sort([x | some i in numbers.range(1, input.n); x := (i * 7919) % 101]),
	"said": sprintf("%v of %v", [input.n, words]),
}
`

test('an instance with room is put back after any fault, wherever that met it: it answers, and takes fuel, as a new one does', async () => {
  const module = await compileModule(await compiler.compile(working))
  const options = { data: JSON.stringify({ words: ['alpha', 'beta', 'gamma'] }), pages: 256 }
  const random = createRandom(5)
  const inputs = Array.from({ length: 12 }, (_, index) => JSON.stringify({ n: 1 + Math.floor(random() * 60), text: `w${index} some words ${'x'.repeat(index * 50)}`, pattern: `^[a-${'bgz'[index % 3]}]` }))
  const used = instantiate(module, options)
  for (let time = 0; time < 300; time += 1) {
    const input = inputs[time % inputs.length] ?? ''
    const whole = instantiate(module, options).evaluate(entrypoint, input, fuel)
    expect(whole.ok).toBe(true)
    const most = Math.floor(random() * whole.fuel)
    expect(used.evaluate(entrypoint, input, most)).toMatchObject({ ok: false, fault: 'fuel' })
    expect(used.isSpent()).toBe(false)
    expect(used.evaluate(entrypoint, input, fuel)).toEqual(whole)
    if (time % 50 === 0) expect(used.evaluate(entrypoint, '['.repeat(200_000), fuel)).toMatchObject({ ok: false })
  }
  expect(used.pages()).toBe(256)
})

test('an instance that took more memory than it has room for is spent by a fault', async () => {
  const module = await compileModule(await compiler.compile('decision := count([concat("", [x, y]) | some x in input.xs; some y in input.xs])'))
  const policy = instantiate(module, { pages: 64 })
  const input = JSON.stringify({ xs: Array.from({ length: 100 }, (_, index) => `${index}${'x'.repeat(1000)}`) })
  expect(policy.evaluate(entrypoint, input, 1_000)).toMatchObject({ ok: false, fault: 'fuel' })
  expect(policy.isSpent()).toBe(false)
  const { fuel: needed } = instantiate(module).evaluate(entrypoint, input, 1_000_000_000)
  expect(policy.evaluate(entrypoint, input, needed - 1)).toMatchObject({ ok: false, fault: 'fuel' })
  expect(policy.pages()).toBeGreaterThan(64)
  expect(policy.isSpent()).toBe(true)
})

test('names of object members are no builtins', async () => {
  for (const name of ['toString', '__proto__', 'constructor']) {
    const wasm = await compiler.compile('decision := time.now_ns()')
    const text = Buffer.from(wasm).toString('latin1').replaceAll('time.now_ns', name.padEnd(11, '_').slice(0, 11))
    const policy = instantiate(await compileModule(Uint8Array.from(Buffer.from(text, 'latin1'))))
    expect(policy.evaluate(entrypoint, '{}', fuel)).toMatchObject({ ok: false, fault: 'builtin' })
  }
})

test('two values for one rule are a fault', async () => {
  const policy = await open('decision := x if some x in input.values')
  expect(policy.evaluate(entrypoint, '{"values":[1,2]}', fuel)).toMatchObject({ ok: false, fault: 'abort' })
})

test('memory ends at the cap', async () => {
  const policy = await open('decision := count([concat("", [x, y]) | some x in input.xs; some y in input.xs])')
  const outcome = policy.evaluate(entrypoint, JSON.stringify({ xs: Array.from({ length: 400 }, (_, index) => `${index}${'x'.repeat(1000)}`) }), 10_000_000_000)
  expect(outcome).toMatchObject({ ok: false, fault: 'memory' })
  expect(policy.pages()).toBeLessThanOrEqual(1024)
})

test('an input that is larger than the memory is a fault', async () => {
  const module = await compileModule(await compiler.compile('decision := 1'))
  expect(instantiate(module, { maxPages: 16 }).evaluate(entrypoint, JSON.stringify('x'.repeat(2_000_000)), fuel)).toMatchObject({ ok: false, fault: 'memory' })
})

test('nesting that overflows the stack is a fault', async () => {
  const policy = await open('decision := count(input)')
  expect(policy.evaluate(entrypoint, '['.repeat(200_000) + ']'.repeat(200_000), 100_000_000)).toMatchObject({ ok: false })
})

test('a policy that prints reaches neither console nor log', async () => {
  const written: unknown[] = []
  const log = console.log
  console.log = (...args: unknown[]): void => void written.push(args)
  try {
    await open('decision := 1 if print("secret", input)').then((policy) => policy.evaluate(entrypoint, '{}', fuel))
  } finally {
    console.log = log
  }
  expect(written).toEqual([])
})

test('entrypoints beside the decision can be asked, which is how tests are run', async () => {
  const wasm = await build(compiler.opa, { 'a.rego': 'package a\n\nx := 1\n\ny := 2\n' }, ['a/x', 'a/y'])
  const policy = instantiate(await compileModule(wasm))
  expect(policy.entrypoints.toSorted()).toEqual(['a/x', 'a/y'])
  expect(policy.evaluate('a/y', undefined, fuel)).toMatchObject({ results: [{ result: 2 }] })
})

test('a module of another maker is refused', async () => {
  const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 4, 1, 2, 0, 0x0b])
  const module = await compileModule(bytes)
  expect(() => instantiate(module)).toThrow('a module of another ABI than 1.2')
  expect(() => instantiate(new WebAssembly.Module(bytes))).toThrow('a module without fuel')
})
