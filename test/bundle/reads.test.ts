import { buildBundle, opaSources } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { createPrinter } from '../../src/policy/print.ts'
import { createRandom } from '../policy/support.ts'

const opa = createOpa()
afterAll(() => opa.close())
const built = async (policy: string) => {
  const read = await sourcesOf(new Map([['policies/desk/desk.rego', `package policies.desk\n\nimport data.sallyport\n\n${policy}\n`]]), { revision: 'test' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const made = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
  if (!made.ok) throw new Error(JSON.stringify(made.problems))
  return made.bundle
}

test('what only helpers read that no policy calls is not handed over, and what a called one reads is', async () => {
  const plain = await built('allow if input.actor.kind == "person"\n\ndeny contains {"code": "x"} if sallyport.exceeds(1, 2)')
  expect(plain.input_paths).not.toContain('/message/call/arguments')
  expect(plain.input_paths).not.toContain('/actor/groups')
  const calling = await built('allow if sallyport.in_group("desk")\n\ndeny contains {"code": "x"} if far\n\nfar if sallyport.matches("x", sallyport.at(sallyport.arg("a"), ["b"]))')
  expect(calling.input_paths).toEqual(expect.arrayContaining(['/actor/groups', '/message/call/arguments', '/request/call/arguments']) as string[])
  // Nothing is told of a decision that is not handed over.
  for (const { input_paths, recall } of [plain, calling]) expect(input_paths).toEqual(expect.arrayContaining([...recall!.settled, ...recall!.varying]) as string[])
})

describe('of findings', () => {
  const any = (body: string): string => `deny contains {"code": "x"} if {\n\tsome finding in input.findings\n\t${body}\n}`
  const few: Readonly<Record<string, readonly [rule: string, members: readonly string[]]>> = {
    'one member': [any('finding.detector == "jwt"'), ['detector']],
    'several members': [any('finding.detector in {"jwt", "email"}\n\tfinding.confidence == "high"'), ['confidence', 'detector']],
    'a member in brackets': [`named := {"jwt": true}\n\n${any('named[finding.detector]')}`, ['detector']],
    'a member in a set': ['deny contains {"code": "x"} if {\n\tcount({finding.path | some finding in input.findings}) > 3\n}', ['path']],
    'a member in a helper': ['deny contains {"code": "x"} if far\n\nfar if {\n\tfinding := input.findings[_]\n\tnot startswith(finding.path, "/arguments")\n}', ['path']],
    'members of two': [any('some other in input.findings\n\tfinding.detector == "jwt"\n\tother.path == finding.path'), ['detector', 'path']],
  }
  const all: Readonly<Record<string, string>> = {
    'none of their members is': 'deny contains {"code": "x"} if {\n\tsome _ in input.findings\n}',
    'none of their members is, in a set': 'deny contains {"code": "x"} if count({1 | some finding in input.findings}) > 0',
    'they are counted': 'deny contains {"code": "x"} if count(input.findings) > 3',
    'it is told which one': 'deny contains {"code": "x"} if {\n\tsome at, finding in input.findings\n\tat > 2\n\tfinding.detector == "jwt"\n}',
    'members are gathered with how often': 'deny contains {"code": "x"} if count([finding.detector | some finding in input.findings]) > 3',
    'they are gathered in a helper': 'deny contains {"code": "x"} if count(all) > 3\n\nall := [1 | some finding in input.findings; finding.detector == "jwt"]',
    'one is handed on': `${any('is_far(finding)')}\n\nis_far(finding) if finding.path == "/a"`,
    'one is compared': any('some other in input.findings\n\tfinding.detector == "jwt"\n\tfinding == other'),
    'one is a key': `deny contains {"code": "x"} if count(known) > 1\n\nknown[finding] := 1 if {\n\tsome finding in input.findings\n\tfinding.detector == "jwt"\n}`,
    'one is an element': `deny contains {"code": "x"} if count(known) > 1\n\nknown contains finding if {\n\tsome finding in input.findings\n\tfinding.detector == "jwt"\n}`,
    'a member is not named': any('some member in ["detector", "path"]\n\tfinding[member] == "jwt"'),
    'every one is asked': 'deny contains {"code": "x"} if {\n\tevery finding in input.findings {\n\t\tfinding.detector == "jwt"\n\t}\n}',
    'the first is asked': 'deny contains {"code": "x"} if input.findings[0].detector == "jwt"',
    'another rule counts them': `${any('finding.detector == "jwt"')}\n\ndeny contains {"code": "y"} if count(input.findings) > 3`,
  }
  const rules = [...Object.values(few).map(([rule]) => rule), ...Object.values(all)]
  let read: (rule: string) => readonly string[]
  let wasm: Uint8Array
  const entrypointOf = (rule: string): string => `policies/p${rules.indexOf(rule)}/deny`
  beforeAll(async () => {
    const modules = rules.map((rule, at): [string, string] => [`policies/p${at}/p.rego`, `package policies.p${at}\n\n${rule}\n`])
    const sources = await sourcesOf(new Map(modules), { revision: 'test' })
    if (!sources.ok) throw new Error(JSON.stringify(sources.problems))
    const made = await opa.bundle({ ...opaSources(sources.sources, await readBuildOptions()), entrypoints: rules.map(entrypointOf) })
    if (!made.ok) throw new Error(JSON.stringify(made.problems))
    const { sets } = made.result.reads
    wasm = made.result.wasm
    read = (rule) => sets[`deny/p${rules.indexOf(rule)}`]!.filter((pointer) => pointer.startsWith('/findings'))
  })

  test.each(Object.entries(few))('%s: these of any of them are read', (_what, [rule, members]) => {
    expect(read(rule)).toEqual(members.map((member) => `/findings/*/${member}`))
  })

  test.each(Object.entries(all))('everything is read where %s', (_what, rule) => {
    expect(read(rule)).toContain('/findings')
  })

  test('a rule says the same of what is printed for it as of all findings', async () => {
    const policy = instantiate(await compileModule(wasm))
    const next = createRandom(7)
    const random = (below: number): number => Math.floor(next() * below)
    const oneOf = <T>(values: readonly T[]): T => values[random(values.length)]!
    const said = new Set<string>()
    for (let round = 0; round < 80; round += 1) {
      const findings = Array.from({ length: random(14) }, () => ({ detector: oneOf(['jwt', 'email', 'iban']), path: oneOf(['/a', '/b', '/c', '/d', '/arguments/e']), count: 1 + random(2), confidence: oneOf(['high', 'low']) }))
      for (const rule of rules) {
        const printed = createPrinter(read(rule))({ findings })
        const [some, whole] = [printed, JSON.stringify({ findings })].map((input) => policy.evaluate(entrypointOf(rule), input, 10_000_000))
        if (!some!.ok || !whole!.ok) throw new Error('it was not judged')
        expect(some!.results).toEqual(whole!.results)
        said.add(`${rule} ${JSON.stringify(whole!.results)}`)
      }
    }
    expect(said.size).toBeGreaterThan(rules.length * 1.8) // nearly all of them say the one and the other
  })
})
