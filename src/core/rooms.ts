import type { Approvals } from '../approval/approval.ts'
import type { ShownCall } from '../approval/approval-store.ts'
import { besideArguments, forSending } from '../approval/sending.ts'
import type { Detectors } from '../detect/index.ts'
import { findIn, isPlainBeside, placesIn, scan, scanReplaced, scanText } from '../detect/scan.ts'
import { longestOf } from '../detect/walk.ts'
import { createEchoGuards } from '../enforce/echo.ts'
import { applyMasks, type MaskTools } from '../enforce/mask.ts'
import { omitLargeBlobs } from '../enforce/omit.ts'
import { createUnquoter } from '../enforce/quoted.ts'
import { redact, redactText, type Quick } from '../enforce/redact.ts'
import { decisionOf, pendingFor, refusalFor, refusedServerRequest, unknownFor, unknownMethodFor, visitFor, waitingFor } from '../enforce/refuse.ts'
import { isObject } from '../exact-json.ts'
import type { Clock, Ids, Json, Logger, Mask, Scan, Sighting } from '../model.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { withEnvelope } from '../proxy/pipeline.ts'
import type { AnswerRoom, ApprovalRoom, EnforceRoom, Meters, Patience, RecordRoom, Rooms, WireRoom } from '../proxy/rooms.ts'
import type { Recorder } from '../record/recorder.ts'
import { rpcError } from '../wire/answer.ts'
import { callOf, keepListed, listOf, privateCaching } from '../wire/call.ts'
import { changeNotice, changesDeclared, changesGranted, declaresChanges, grantsChanges } from '../wire/changes.ts'
import { declaresTasks, offersTasks, onlyServed, withoutTasks } from '../wire/discover.ts'
import { progressTokenOf, subscriptionIdOf, withId, withProgressToken, withRequestId, withSubscriptionId } from '../wire/envelope.ts'
import { printJson, readJson, readText } from '../wire/json.ts'
import { methodOf } from '../wire/methods.ts'
import { readRpc } from '../wire/rpc.ts'

export interface RoomParts {
  readonly limits: { readonly answer: number; readonly depth: number }
  readonly detectors: Detectors
  readonly engine: PolicyEngine
  readonly recorder: Recorder<Sighting>
  readonly approvals: Approvals
  readonly meters: Meters
  readonly patience: Patience
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
}

/** The rooms as the pipeline knows them: each is handed in, none knows another. */
export function createRooms(parts: RoomParts): Rooms {
  const { engine, recorder, meters, patience, clock, ids, logger } = parts
  const enforce = createEnforceRoom(parts)
  const record: RecordRoom = recorder
  return {
    wire: createWireRoom(parts),
    enforce,
    answers,
    policy: { decide: engine.decide, active: () => engine.active()?.digest, watch: engine.watch },
    record,
    approvals: createApprovalRoom(parts.approvals, enforce.scan),
    meters, patience, clock, ids, logger,
  }
}

const createWireRoom = ({ limits }: RoomParts): WireRoom => ({
  readAnswer: (bytes) => readJson(bytes, { maxBytes: limits.answer, maxDepth: limits.depth, twins: 'none' }),
  readRpc,
  print: printJson,
  callOf,
  listOf,
  keepListed,
  privateCaching,
  onlyServed, offersTasks, declaresTasks,
  declaresChanges, changesDeclared, grantsChanges, changesGranted, changeNotice,
  withoutTasks: (request) => withEnvelope(request, withoutTasks(request.envelope)),
  withId, withProgressToken, withRequestId, withSubscriptionId, progressTokenOf, subscriptionIdOf,
  methodOf,
})

function createEnforceRoom({ detectors }: RoomParts): EnforceRoom {
  const guardOf = createEchoGuards()
  const scanBody = (body: Json) => scan(body, detectors)
  const tools: MaskTools = { ...quickWith(detectors), rescanText: (before, text, value) => scanText(before, text, value, detectors), parse: readText, print: printJson }
  return {
    scan: scanBody,
    omitLargeBlobs,
    applyMasks: (input) => applyMasks(input, tools),
    redactText: (text) => redactText(text, detectors),
    unquoter: createUnquoter,
    withoutCredentials(secrets, value) {
      const guard = guardOf(secrets)
      if (guard === undefined || (!isObject(value) && !Array.isArray(value))) return { value, removed: false }
      const cleaned = guard.clean(value)
      return cleaned === undefined ? undefined : { value: cleaned.body, removed: cleaned.removed > 0 }
    },
  }
}

/** What detectors say of texts and bodies of which they have seen most before. */
export const quickWith = (detectors: Detectors): Quick => ({
  look: {
    places: (before, text) => placesIn(before, text, detectors),
    find: (text, name) => findIn(text, name, detectors),
    isPlain: (text) => isPlainBeside(text, detectors),
  },
  rescanReplaced: (before, body, replaced) => scanReplaced(before, body, replaced, detectors),
  longestOf,
})

const answers: AnswerRoom = {
  refusal: (request, decision, facts) => refusalFor(request, decision, facts).envelope,
  unknown: (request) => unknownFor(request).envelope,
  unknownMethod: (request) => unknownMethodFor(request).envelope,
  pending: (request, decision, facts) => pendingFor(request, decision, facts).envelope,
  waiting: (request, decision, facts, state) => waitingFor(request, decision, facts, state).envelope,
  refusedServerRequest: (request) => refusedServerRequest(request).envelope,
  visitFirst: (request, decision, facts, visit) => visitFor(request, decision, facts, visit).envelope,
  told: decisionOf,
  error: rpcError,
}

function createApprovalRoom(approvals: Approvals, scanBody: (body: Json) => Scan): ApprovalRoom {
  return {
    async hold({ requester, session, exchange, upstream, request, decision, carried }) {
      const { call } = request
      if (call === undefined) throw new TypeError(`${request.method} names nothing that could be approved`)
      const { approval } = await approvals.hold({
        requester, session, exchange, upstream, decision,
        method: request.method,
        call: shownCall(request, decision.mask, scanBody),
        params: printJson(request.body),
        definition_sha256: call.definition_sha256 ?? null,
        carried: carried?.met ?? [],
      })
      return approval
    },
    wait: approvals.wait,
    get: approvals.get,
    heard: approvals.heard,
    digest: approvals.digest,
    takeLeg: approvals.takeLeg,
    tickets: approvals.tickets,
    grantOf: approvals.grantOf,
    consume: approvals.consume,
    giveBack: approvals.giveBack,
    end: approvals.end,
    takeBack: approvals.takeBack,
    params(row, live) {
      const held = approvals.openParams(row)
      return held && forSending(held, live)
    },
  }
}

/** The call with everything detected or masked in it replaced: what a reviewer is shown and the store keeps. */
function shownCall(request: Parameters<ApprovalRoom['hold']>[0]['request'], masks: readonly Mask[], scanBody: (body: Json) => Scan): ShownCall {
  const { envelope, call } = redact(request, scanBody(request.body), masks, scanBody)
  const { params = {} } = envelope
  const named = { kind: request.call?.kind ?? 'tool', name: call ?? '' } as const
  // Replaced as a whole: that is told, so that it does not look like a call without arguments.
  if (!isObject(params)) return { ...named, arguments: {}, others: { params } }
  const { arguments: args } = params
  return { ...named, arguments: isObject(args) ? args : {}, others: { ...(args === undefined || isObject(args) ? {} : { arguments: args }), ...besideArguments(params, named.kind) } }
}

