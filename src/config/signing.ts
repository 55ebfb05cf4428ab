import { readSigningKey } from '../bundle/trust/keys.ts'
import type { PartialSettings } from './schema.ts'
import type { Weakness } from './weak.ts'

/** Whether the key of `policy.sign` is one, and for its algorithm. */
export const findSigningProblems = ({ policy }: PartialSettings, values: ReadonlyMap<string, string>): readonly Weakness[] => {
  const text = values.get('policy.sign.key')
  if (policy?.sign === undefined || text === undefined) return [] // told with the other secrets
  const read = readSigningKey(text, { algorithm: policy.sign.algorithm, id: policy.sign.key_id })
  return read.ok ? [] : [{ steps: ['policy', 'sign', 'key_from'], found: read.found, expected: read.expected }]
}
