import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const documents: Readonly<Record<string, string>> = {
  'handbook.md': `# Support handbook

1. Greet the customer by name.
2. Look them up by id, never by card number.
3. Schema changes go through the reviewer on call.
`,
  'incident-2026-10.md': `# Incident of 14 October 2026

A customer wrote their card 4242 4242 4242 4242 and their number 536-90-4399 into a ticket.
Contact: mara.novak@example.com. The old key sk_test_Zr3kQ8vLw2NfTy6HbXs9Pd4m was replaced.
`,
  'price-list.csv': `plan,price
free,0
team,19
business,49
`,
}

/** The folder that the file server of the demo shares. What people wrote there stays, the examples are made anew. */
export async function writeDocuments(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  await Promise.all(Object.entries(documents).map(([name, text]) => writeFile(join(path, name), text)))
}
