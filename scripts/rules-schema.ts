// Prints the JSON schema of `rules.yaml` (src/bundle/rules/schema.ts) to rego/schemas/rules.json, for editors.
//   node scripts/rules-schema.ts           write it
//   node scripts/rules-schema.ts --check   say whether it is up to date
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { rulesFile } from '../src/bundle/rules/schema.ts'

const target = fileURLToPath(new URL('../rego/schemas/rules.json', import.meta.url))

// Draft 7 is what the YAML extensions of editors know.
const schema = z.toJSONSchema(rulesFile, { target: 'draft-7', io: 'input', reused: 'ref' })
const text = `${JSON.stringify({ ...schema, title: 'Sallyport rules.yaml' }, null, 2)}\n`

if (process.argv[2] !== '--check') writeFileSync(target, text)
else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('rego/schemas/rules.json is not what src/bundle/rules/schema.ts says; run node scripts/rules-schema.ts')
  process.exitCode = 1
}
