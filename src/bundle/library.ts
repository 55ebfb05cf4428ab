import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { schemaOfEvent } from './report/event-schema.ts'
import { readLibrary, readQuestionSchema } from './source/read-directory.ts'

const printed = (schema: unknown): string => `${JSON.stringify(schema, null, 2)}\n`
const shared = ['rules.json', 'cases.json', 'people.json'].map((name) => `schemas/${name}`)

/** Writes the Rego library, and the schemas of the input, of events of decision logs, of `rules.yaml` and of decision cases, below a directory of policies. Returns the paths written. */
export const writeLibrary = async (directory: string): Promise<readonly string[]> => {
  const schema = await readQuestionSchema()
  const texts = await Promise.all(shared.map(async (path) => [path, await readFile(new URL(`../../rego/${path}`, import.meta.url), 'utf8')] as const))
  const files = { ...(await readLibrary()), ...(schema === undefined ? {} : { 'schemas/question.json': printed(schema), 'schemas/decision_log.json': printed(schemaOfEvent(schema)) }), ...Object.fromEntries(texts) }
  for (const [path, text] of Object.entries(files)) {
    const target = join(directory, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  return Object.keys(files).sort()
}
