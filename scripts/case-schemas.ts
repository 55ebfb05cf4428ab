// Writes the JSON schemas of decision cases, for editors.
import { writeFileSync } from 'node:fs'
import { caseSchemas } from '../src/bundle/cases/shape.ts'

for (const [name, schema] of Object.entries(caseSchemas())) writeFileSync(new URL(`../rego/schemas/${name}.json`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
