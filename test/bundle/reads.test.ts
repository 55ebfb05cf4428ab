import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'

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
