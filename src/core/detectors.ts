import type { Settings } from '../config/schema.ts'
import { createDetectors, type Detectors } from '../detect/index.ts'
import { createPatternDetector } from '../detect/pattern.ts'

export const detectorsOf = (settings: Pick<Settings, 'detectors'>): Detectors =>
  createDetectors(Object.fromEntries(Object.entries(settings.detectors).map(([name, { pattern }]) => [name, patternOf(pattern)])))

function patternOf(pattern: string) {
  const made = createPatternDetector(pattern)
  if (!made.ok) throw new Error(made.problem)
  return made.find
}
