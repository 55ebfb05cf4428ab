import { readFileSync, writeFileSync } from 'node:fs'
import { withTables } from '../src/config/docs.ts'

// Writes the tables of docs/configuration.md anew from the schemas.
const file = new URL('../docs/configuration.md', import.meta.url)
writeFileSync(file, withTables(readFileSync(file, 'utf8')))
