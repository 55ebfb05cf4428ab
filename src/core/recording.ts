import type { Detectors } from '../detect/index.ts'
import { isPlainApart, scan } from '../detect/scan.ts'
import { redact, redactText } from '../enforce/redact.ts'
import type { Clock, Json, Logger, Sighting } from '../model.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { createBasisMaker } from '../record/make-basis.ts'
import type { RecordStore } from '../record/record-store.ts'
import { createRecorder, type Recorder } from '../record/recorder.ts'
import { namedCall } from '../wire/call.ts'
import { printJson } from '../wire/json.ts'
import { listOf } from '../wire/list.ts'
import { quickWith } from './rooms.ts'

export interface RecordingParts {
  readonly store: RecordStore
  readonly engine: PolicyEngine
  readonly detectors: Detectors
  readonly clock: Clock
  readonly logger: Logger
}

/** What is kept of messages, and of what their decisions depended on. */
export function createRecording({ store, engine, detectors, clock, logger }: RecordingParts): Recorder<Sighting> {
  const scanBody = (body: Json) => scan(body, detectors)
  const quick = quickWith(detectors)
  const basis = createBasisMaker({
    // Between two bundles nobody can tell what the one before read.
    reads(bundle) {
      const active = engine.active()
      return active?.digest === bundle ? active.input_paths : undefined
    },
    isClean: (value) => scanBody(value).hits.length === 0,
    callOf: namedCall, listOf,
  })
  return createRecorder<Sighting>({
    store, basis, print: printJson, clock, logger,
    redact: (message, found, masks) => redact(message, found, masks, scanBody, quick),
    redactText: (text) => redactText(text, detectors),
    isPlain: (text) => isPlainApart(text, detectors),
  })
}
