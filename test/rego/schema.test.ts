import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createOpa } from '../../src/bundle/opa.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const schema: unknown = JSON.parse(readFileSync(at('rego/schemas/question.json'), 'utf8'))
const opa = createOpa()
afterAll(() => opa.close())

const problemsOf = async (condition: string): Promise<readonly string[]> => {
  const text = `package policies.example\n\ndeny contains {"code": "x"} if {\n\t${condition}\n}\n`
  return (await opa.check({ modules: { 'example.rego': text }, schemas: { input: schema }, strict: true })).map(({ message }) => message)
}

test.each(['scripts/question-schema.ts', 'scripts/rules-schema.ts'])('what %s writes is up to date', (script) => {
  const checked = spawnSync(process.execPath, [at(script), '--check'], { encoding: 'utf8' })
  expect(checked.stderr).toBe('')
  expect(checked.status).toBe(0)
})

test.each(['"a" in input.actor.gropus', 'input.message.cal.name == "x"', 'input.mesage.method == "x"', 'input.entries[_].title == "x"', 'input.request.call.argument.x == 1'])(
  '%s is refused by its name',
  async (condition) => {
    expect((await problemsOf(condition)).join('\n')).toContain('undefined ref: input.')
  },
)

test.each([
  'input.message.call.arguments.any.depth == 1',
  'input.message.body.content[_].text == "x"',
  'input.actor.claims.org.unit == "x"',
  'input.message.call.annotations.destructiveHint',
  'input.upstream.labels.tier == "production"',
  'input.actor.acting_for.acting_for.acting_for.subject == "x"',
])('%s is open', async (condition) => {
  expect(await problemsOf(condition)).toEqual([])
})
