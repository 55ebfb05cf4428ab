import * as opaWasm from '@open-policy-agent/opa-wasm'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { createRandom, entrypoint, openCompiler } from './support.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const policy = `decision := {"match": [found | found := regex.match(input.pattern, input.text)], "valid": [valid | valid := regex.is_valid(input.pattern)]}`
const pieces = ['a', 'b+', '[a-m]', '(drop|alter)', '\\b', '\\s*', '.', '^', '$', '|', '(?i)', 'x{2,5}', '\\d', '[^;\\s]', '\\.\\.', '(?s).*', 'é', '\\x00', '\\pL', '%2e']
// What the module reads otherwise than OPA's own evaluator is in `builtins-agree.test.ts`.
const broken = ['(', 'a{2', '[z-a]', '(?=a)', '(?P<y>a)', '(?P<y a)', '(a{500}){500}', '\\8', 'a**']
const words = ['drop ', 'ALTER', 'abc', 'xx', '..', '/', ';', ' ', '42', 'é', 'K', '\n', '\u0000', '%2E', 'm', '𝒳']

const made = (random: () => number, from: readonly string[], most: number): string =>
  Array.from({ length: Math.floor(random() * most) }, () => from[Math.floor(random() * from.length)]).join('')

test('a pattern means the same whether the host or the module searches', async () => {
  const wasm = await compiler.compile(policy)
  const plain = await opaWasm.loadPolicy(wasm, { initial: 8, maximum: 1024 })
  const instance = instantiate(await compileModule(wasm))
  const random = createRandom(23)
  let matched = 0
  for (let time = 0; time < 4000; time += 1) {
    const pattern = random() < 0.1 ? broken[Math.floor(random() * broken.length)] : made(random, pieces, 6)
    const text = made(random, words, 8).repeat(random() < 0.05 ? 400 : 1)
    const outcome = instance.evaluate(entrypoint, JSON.stringify({ pattern, text }), 50_000_000)
    if (!outcome.ok) throw new Error(`${pattern}: ${outcome.detail}`)
    const expected = plain.evaluate({ pattern, text })
    expect({ pattern, text, results: outcome.results }).toEqual({ pattern, text, results: expected })
    if (JSON.stringify(expected).includes('"match":[true]')) matched += 1
  }
  expect(matched).toBeGreaterThan(500)
})

test('a policy that only matches, or only asks whether a pattern is one, is judged alike', async () => {
  for (const source of ['decision := [found | found := regex.match(input.pattern, input.text)]', 'decision := regex.is_valid(input.pattern)']) {
    const wasm = await compiler.compile(source)
    const plain = await opaWasm.loadPolicy(wasm, { initial: 8, maximum: 1024 })
    const instance = instantiate(await compileModule(wasm))
    for (const pattern of ['(?i)drop', 'no', ...broken]) {
      const input = { pattern, text: 'drop table' }
      expect(instance.evaluate(entrypoint, JSON.stringify(input), 50_000_000)).toMatchObject({ ok: true, results: plain.evaluate(input) })
    }
  }
})

test('the modules of this gateway have the detour', async () => {
  const instance = instantiate(await compileModule(await compiler.compile('decision := regex.match(`(?i)\\b(drop|alter|grant)\\b`, input.text)')))
  const outcome = instance.evaluate(entrypoint, JSON.stringify({ text: 'SELECT 1' }), 1_000_000)
  // Compiling the pattern inside the module takes more than ten thousand.
  expect(outcome.fuel).toBeLessThan(2000)
})

test('what is no text is nothing to search', async () => {
  const instance = instantiate(await compileModule(await compiler.compile(policy)))
  for (const input of [{ pattern: 1, text: 'a' }, { pattern: 'a', text: ['a'] }, { pattern: null, text: null }, { text: 'a' }]) {
    const outcome = instance.evaluate(entrypoint, JSON.stringify(input), 1_000_000)
    expect(outcome.ok && outcome.results).toMatchObject([{ result: { match: [] } }])
  }
})

test('a search costs the same whether or not its pattern was seen before', async () => {
  const module = await compileModule(await compiler.compile(policy))
  const input = JSON.stringify({ pattern: '(?i)\\b(drop|alter)\\b', text: 'SELECT 1; drop table customers' })
  const used = instantiate(module)
  used.evaluate(entrypoint, input, 1_000_000)
  expect(used.evaluate(entrypoint, input, 1_000_000)).toEqual(instantiate(module).evaluate(entrypoint, input, 1_000_000))
})

test('a search is charged, however it is done', async () => {
  const instance = instantiate(await compileModule(await compiler.compile('decision := count([1 | some i in numbers.range(1, 2000); regex.match(`(a|b|c)+d`, input.text)])')))
  const outcome = instance.evaluate(entrypoint, JSON.stringify({ text: 'abc'.repeat(100) }), 500_000)
  expect(outcome).toMatchObject({ ok: false, fault: 'fuel' })
})
