// Prints the JSON schema of what a policy sees (`Question` of src/model.ts) to rego/schemas/question.json.
//   node scripts/question-schema.ts           write it
//   node scripts/question-schema.ts --check   say whether it is up to date
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createGenerator, type Schema } from 'ts-json-schema-generator'

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const target = at('rego/schemas/question.json')

// OPA's checker takes an object without named properties as open, and an empty schema as any value: that is what arguments,
// bodies, claims and annotations are. Spelt out, JSON's own recursion would end in `oneOf`, which it cannot read.
const open: Readonly<Record<string, Schema>> = { Json: {}, JsonObject: { type: 'object' } }

const questionSchema = (): Schema => {
  const generated = createGenerator({
    path: at('src/model.ts'),
    tsconfig: at('tsconfig.json'),
    type: 'Question',
    expose: 'export',
    topRef: false,
    skipTypeCheck: true,
    additionalProperties: false,
  }).createSchema('Question')
  const { definitions = {}, ...question } = generated
  const known = Object.entries(definitions).map(([name, definition]) => [name, open[name] ?? definition] as const)
  return { ...question, title: 'What a Sallyport policy sees as `input`', definitions: reached(question, Object.fromEntries(known)) }
}

/** Only what the question still refers to. */
function reached(from: Schema, definitions: Readonly<Record<string, unknown>>): Exclude<Schema['definitions'], undefined> {
  const names = new Set<string>()
  const visit = (node: unknown): void => {
    for (const [, name = ''] of JSON.stringify(node).matchAll(/"#\/definitions\/([^"]+)"/g)) {
      if (names.has(name)) continue
      names.add(name)
      visit(definitions[name])
    }
  }
  visit(from)
  return Object.fromEntries([...names].sort().map((name) => [name, definitions[name] as Schema]))
}

const text = `${JSON.stringify(questionSchema(), null, 2)}\n`
if (process.argv[2] !== '--check') writeFileSync(target, text)
else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('rego/schemas/question.json is not what src/model.ts says; run node scripts/question-schema.ts')
  process.exitCode = 1
}
