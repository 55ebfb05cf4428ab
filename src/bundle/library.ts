import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readLibrary, readQuestionSchema } from './source/read-directory.ts'

/** Writes the Rego library, and the schema of the input, below a directory of policies. Returns the paths written. */
export const writeLibrary = async (directory: string): Promise<readonly string[]> => {
  const schema = await readQuestionSchema()
  const files = { ...(await readLibrary()), ...(schema === undefined ? {} : { 'schemas/question.json': `${JSON.stringify(schema, null, 2)}\n` }) }
  for (const [path, text] of Object.entries(files)) {
    const target = join(directory, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  return Object.keys(files).sort()
}
