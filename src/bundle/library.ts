import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readLibrary, readQuestionSchema } from './source/read-directory.ts'

/** Writes the Rego library, and the schemas of the input and of `rules.yaml`, below a directory of policies. Returns the paths written. */
export const writeLibrary = async (directory: string): Promise<readonly string[]> => {
  const [schema, rules] = [await readQuestionSchema(), await readFile(new URL('../../rego/schemas/rules.json', import.meta.url), 'utf8')]
  const files = { ...(await readLibrary()), ...(schema === undefined ? {} : { 'schemas/question.json': `${JSON.stringify(schema, null, 2)}\n` }), 'schemas/rules.json': rules }
  for (const [path, text] of Object.entries(files)) {
    const target = join(directory, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  return Object.keys(files).sort()
}
