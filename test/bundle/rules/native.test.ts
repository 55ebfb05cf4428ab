import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fc } from '../../support/property.ts'
import { buildBundle } from '../../../src/bundle/build.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { sourcesOf } from '../../../src/bundle/source/read-directory.ts'
import { packBundle } from '../../../src/bundle/trust/bundle-file.ts'
import type { Json, JsonObject } from '../../../src/model.ts'
import { compileModule, instantiate } from '../../../src/policy/host.ts'
import { findNativeOpa } from '../native-opa.ts'
import { directoryOf } from '../support.ts'
import { questions } from './arbitrary.ts'

const native = findNativeOpa()
const opa = createOpa()
afterAll(() => opa.close())

const when = native === undefined ? test.skip : test
when('a native opa that is given the bundle decides, and gives roles, as the host that judges', async () => {
  const everyWord = await readFile(new URL('every-word.rules.yaml', import.meta.url), 'utf8')
  const read = await sourcesOf(new Map([['rules.yaml', everyWord]]), { revision: 'test' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const built = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const directory = await directoryOf({})
  await writeFile(join(directory, 'bundle.tar.gz'), await packBundle(read.sources, built.bundle))
  const asked = fc.sample(questions, { numRuns: 300, seed: 7 })
  const askers = asked.map(({ actor, now }) => ({ actor, now }))
  await writeFile(join(directory, 'questions.json'), JSON.stringify({ questions: asked, askers }))
  const query = '{"decisions": [answer | some question in input.questions; answer := data.sallyport.decision with input as question], "roles": [answer | some asker in input.askers; answer := data.sallyport.admin with input as asker]}'
  const { stdout, stderr } = spawnSync(native ?? '', ['eval', '-b', 'bundle.tar.gz', '-i', 'questions.json', '--format', 'raw', query], { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  expect(stderr).toBe('')
  const theirs = JSON.parse(stdout) as JsonObject

  const instance = instantiate(await compileModule(built.bundle.wasm), { data: JSON.stringify(built.bundle.data) })
  const say = (entrypoint: string, input: unknown): Json => {
    const outcome = instance.evaluate(entrypoint, JSON.stringify(input), 100_000_000)
    if (!outcome.ok) throw new Error(outcome.detail)
    return (outcome.results[0] as { result: Json }).result
  }
  const decisions = asked.map((question) => say('sallyport/decision', question) as JsonObject)
  const roles = askers.map((asker) => say('sallyport/admin', asker) as readonly string[])
  expect({ decisions, roles }).toEqual(theirs)
  expect([...new Set(decisions.map(({ kind }) => kind))].sort()).toEqual(['allow', 'deny', 'mask'])
  expect(new Set(roles.map((some) => some.join()))).toEqual(new Set(['', 'reviewer,viewer']))
})
