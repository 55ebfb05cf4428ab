import { generateKeyPairSync } from 'node:crypto'
import { createDetectors } from '../../src/detect/index.ts'
import { redactText } from '../../src/enforce/redact.ts'
import { createComplaints } from '../../src/upstream/complaints.ts'

const detectors = createDetectors({})
function tellAll(text: string): readonly string[] {
  const told: string[] = []
  const hear = createComplaints((each) => redactText(each, detectors), (line) => void told.push(line))
  for (const line of text.split('\n')) hear(Buffer.from(line))
  return told
}
const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()

test('a key that is written line by line is told nowhere, and what follows is', () => {
  expect(tellAll(`loading\nkey: ${pem} done\nready`)).toEqual(['loading', 'key: [MASKED]', ' done', 'ready'])
  expect(tellAll(`${pem}\n${pem}\nready`)).toEqual(['[MASKED]', '[MASKED]', 'ready'])
  const cut = pem.split('\n').slice(0, -1).join('\n')
  expect(tellAll(`${cut}\nnever ended`)).toEqual(['[MASKED]'])
})

test('what is found where a long line is cut is not told in part', () => {
  const [line = ''] = tellAll(`${'x'.repeat(1_985)} 078-05-1120`)
  expect(line).toHaveLength(1_994)
  expect(line).toMatch(/^x+ \[MASKED\]$/)
})

test('after more lines than any key has, lines are told again', () => {
  const lines = tellAll(`-----BEGIN PRIVATE KEY-----\n${'noise\n'.repeat(1_000)}back\nagain`)
  expect(lines).toEqual(['[MASKED]', 'back', 'again'])
})
