import { createDetectors } from '../../src/detect/index.ts'
import { isPlainApart } from '../../src/detect/scan.ts'
import { redactText } from '../../src/enforce/redact.ts'
import { readFindings } from '../../src/findings.ts'
import type { Finding } from '../../src/model.ts'
import { createKeepable, type Keepable } from '../../src/record/keepable.ts'
import { fc } from '../support/property.ts'

const staff = (text: string) => [...text.matchAll(/staff\/\d+/g)].map(({ index, 0: { length } }) => ({ start: index, end: index + length }))
const builtIn = createDetectors({})
const own = createDetectors({ staff })
const keepableBy = (detectors: typeof builtIn): Keepable => createKeepable({ redactText: (text) => redactText(text, detectors), isPlain: (text) => isPlainApart(text, detectors) })

const found = (path: string): Finding => ({ detector: 'us_ssn', path, count: 1, confidence: 'medium' })
const keptPaths = (keepable: Keepable, paths: readonly string[]): readonly string[] => readFindings(keepable.findings(paths.map(found)).text).map(({ path }) => path)

// What is found in many of these is found in none of their steps.
const key = 'AKIAIOSFODNN7EXAMPLE'
const half = 'JalrXUtnFEMI'
const piece = fc.constantFrom(
  '/rows', '/0', '/17', '/ssn', '/123456789', '/123-45-6789', '/a@example.com', '/a@', 'example.com', '/secret', '/secret_key=', '/secret_key:', ':wJalrXUtnFEMIK7MD', '/bPxRfiCYEXAMPLEKEY12', '/whsec_ab', 'whsec_', '/task_id', '/12345', '6789', '-6789', '\u200b', '-----', ' ', '"', '\\', '%2D',
  '/hooks.slack.com', '/services', '/T00000000', '/B00000000', '/XXXXXXXXXXXXXXXXXXXXXXXX', `/${key}`, `/${half}`, '/K7MDENG', '/bPxRfiCYEXAMPLEKEY', '~1', '~04111111111111111', '4111', '1111', ':', '/4111-1111', '/staff', ';', '+',
)
const path = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''))

test('paths of findings are kept as each would be by itself, and are told to be as they were only if they are', () => {
  for (const detectors of [builtIn, own]) {
    const keepable = keepableBy(detectors)
    fc.assert(
      fc.property(fc.array(path, { maxLength: 8 }), (paths) => {
        const clean = paths.map((each) => redactText(each, detectors))
        expect(keptPaths(keepable, paths)).toEqual(clean)
        expect(keepable.findings(paths.map(found)).asTheyWere).toBe(clean.every((each, index) => each === paths[index]))
      }),
      { numRuns: 1000 },
    )
  }
})

test('names that are harmless one by one are replaced where they are a secret together', () => {
  const paths = [`/hooks.slack.com/services/T00000000/B00000000/${'X'.repeat(24)}`, '/rows/0/ssn', `/secret_key=/${half}/K7MDENG/bPxRfiCYEXAMPLEKEY`]
  const steps = paths.flatMap((each) => each.split('/'))
  expect(steps.map((step) => redactText(step, builtIn))).toEqual(steps)
  const kept = keptPaths(keepableBy(builtIn), paths)
  expect(kept).toEqual(paths.map((each) => redactText(each, builtIn)))
  expect(kept.map((each) => each.includes('[MASKED]'))).toEqual([true, false, true])
})

test.each([
  ['an AWS secret', '/secret_key:wJalrXUtnFEMIK7MD/0/bPxRfiCYEXAMPLEKEY12', '/secret_key:[MASKED]'],
  ['a signing secret', '/whsec_ab/0/cdefghijklmnopqrstuvwxyz', '/[MASKED]'],
])('%s in names before and behind the first index is replaced', (_what, path, kept) => {
  expect(redactText(path, builtIn)).toBe(kept)
  const rows = ['/rows/0/ssn', '/rows/1/ssn', '/rows/2/ssn']
  expect(keptPaths(keepableBy(builtIn), [...rows, path])).toEqual([...rows, kept])
})

test('what a detector of the settings finds across steps is replaced in paths that otherwise differ in an index only', () => {
  const keepable = keepableBy(own)
  expect(keptPaths(keepable, ['/rows/0/ssn', '/rows/1/ssn', '/staff/1/ssn'])).toEqual(['/rows/0/ssn', '/rows/1/ssn', '/[MASKED]/ssn'])
})

test('findings that were clean once are not looked into again, and others like them are', () => {
  let looked = 0
  const keepable = createKeepable({ redactText: (text) => ((looked += 1), redactText(text, own)), isPlain: (text) => isPlainApart(text, own) })
  for (let round = 0; round < 3; round += 1) expect(keptPaths(keepable, ['/rows/0/ssn', '/rows/1/ssn'])).toEqual(['/rows/0/ssn', '/rows/1/ssn'])
  expect(looked).toBe(2)
  expect(keptPaths(keepable, ['/rows/0/ssn', '/staff/1'])).toEqual(['/rows/0/ssn', '/[MASKED]'])
})
