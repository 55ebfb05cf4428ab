import { isObject } from '../exact-json.ts'
import type { ApprovalId, Clock, ErrorAnswer, GrantedApproval, JsonObject, Message, Request, Result } from '../model.ts'
import { createSilentChannel, type Channel } from './channel.ts'
import { isEvaluated } from './evaluate.ts'

/** How far a task is. What a server said is kept as it was released, and judged again whenever it is told. */
export type TaskState =
  | { readonly kind: 'working' }
  | { readonly kind: 'answered'; readonly message: Result | ErrorAnswer }
  /** The server wants input; `given` is what the client has replied so far. */
  | { readonly kind: 'asks'; readonly message: Result; readonly round: number; readonly given: JsonObject }
  /** The server only wants to be asked again: there is nothing that the client could reply. */
  | { readonly kind: 'again'; readonly message: Result; readonly round: number }
  /** The gateway's own answer: a refusal, or a fault. */
  | { readonly kind: 'own'; readonly envelope: JsonObject }
  | { readonly kind: 'cancelled' }

/** A held call whose client asked not to be kept waiting: it comes back and asks (io.modelcontextprotocol/tasks). */
export interface OwnTask {
  readonly id: string
  readonly caller: string
  readonly request: Request
  readonly approval: ApprovalId
  readonly created: number
  readonly expires: number
  readonly cancel: AbortController
  state: TaskState
  changed: number
  /** How often its server asked for input. */
  rounds: number
  /** What its answers are judged with. */
  grant: GrantedApproval
}

export interface OwnTasks {
  get(id: string): OwnTask | undefined
  /** False where this caller has as many unfinished ones as anybody may. */
  hasRoom(caller: string): boolean
  add(task: OwnTask): void
  forget(task: OwnTask): void
  change(task: OwnTask, state: TaskState): void
  /** Where the answer of a task's call goes. */
  channelOf(task: OwnTask): Channel
}

const mostOpen = 100
const mostKept = 1000
/** Characters of the answers that are kept. */
const mostSize = 64 * 1024 * 1024

const unfinished: ReadonlySet<TaskState['kind']> = new Set(['working', 'asks', 'again'])
const isFinished = ({ state: { kind } }: OwnTask): boolean => !unfinished.has(kind)

export const inputRequestsOf = ({ body: { inputRequests } }: Message): JsonObject => (isObject(inputRequests) ? inputRequests : {})

/** The tasks that this process works on; one that it does not know is taken up again from its approval. */
export function createOwnTasks(clock: Clock, unjudged: () => void): OwnTasks {
  const tasks = new Map<string, OwnTask>()
  const sizes = new WeakMap<OwnTask, number>()
  let size = 0

  const drop = (task: OwnTask) => {
    if (tasks.delete(task.id)) size -= sizes.get(task) ?? 0
  }
  /** The oldest go first, and what has expired. */
  const makeRoom = () => {
    for (const task of tasks.values()) if (isFinished(task) && (task.expires <= clock() || tasks.size > mostKept || size > mostSize)) drop(task)
  }
  const change = (task: OwnTask, state: TaskState) => {
    if (isFinished(task)) return
    task.state = state
    task.changed = clock()
  }
  const settle = (task: OwnTask, message: Result | ErrorAnswer) => {
    if (message.kind === 'error' || message.body['resultType'] !== 'input_required') {
      if (isFinished(task) || !tasks.has(task.id)) return
      const own = JSON.stringify(message.body).length
      sizes.set(task, own)
      size += own
      change(task, { kind: 'answered', message })
      return makeRoom()
    }
    const isAsking = Object.keys(inputRequestsOf(message)).length > 0
    change(task, { ...(isAsking ? { kind: 'asks', given: {} } : { kind: 'again' }), message, round: task.rounds })
    task.rounds += 1
  }

  return {
    get: (id) => tasks.get(id),
    hasRoom: (caller) => [...tasks.values()].filter((task) => task.caller === caller && !isFinished(task)).length < mostOpen,
    add(task) {
      tasks.set(task.id, task)
      makeRoom()
    },
    forget: drop,
    change,
    channelOf: (task) => ({
      ...createSilentChannel(task.cancel.signal),
      reaches: true,
      async release(evaluated) {
        if (!isEvaluated(evaluated)) return unjudged()
        const { message } = evaluated
        if (message.kind === 'result' || message.kind === 'error') settle(task, message)
      },
      answer: async ({ envelope }) => change(task, { kind: 'own', envelope }),
    }),
  }
}
