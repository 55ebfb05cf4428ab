import type { ApprovalId, Clock, ErrorAnswer, GrantedApproval, JsonObject, Request, Result } from '../model.ts'
import type { Channel } from './channel.ts'
import { isEvaluated } from './evaluate.ts'

/** How far a task is. What a server said is kept as it was released, and judged again whenever it is told. */
export type TaskState =
  | { readonly kind: 'working' }
  | { readonly kind: 'answered'; readonly message: Result | ErrorAnswer }
  /** The server wants input; `given` is what the client has replied so far. */
  | { readonly kind: 'asks'; readonly message: Result; readonly round: number; readonly given: JsonObject }
  /** The gateway's own answer: a refusal, or a fault. */
  | { readonly kind: 'own'; readonly envelope: JsonObject }
  | { readonly kind: 'cancelled' }

/** A held call whose client asked not to be kept waiting: it comes back and asks (io.modelcontextprotocol/tasks). */
export interface OwnTask {
  readonly id: string
  readonly principal: string
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
  hasRoom(principal: string): boolean
  add(task: OwnTask): void
  forget(task: OwnTask): void
  change(task: OwnTask, state: TaskState): void
  /** Where the answer of a task's call goes. */
  channelOf(task: OwnTask): Channel
}

const mostOpen = 100
const mostKept = 1000

export const isFinished = ({ state: { kind } }: OwnTask): boolean => kind !== 'working' && kind !== 'asks'

/** The tasks that this process works on; one that it does not know is taken up again from its approval. */
export function createOwnTasks(clock: Clock, unjudged: () => void): OwnTasks {
  const tasks = new Map<string, OwnTask>()

  const makeRoom = () => {
    for (const task of tasks.values()) if (task.expires <= clock() && isFinished(task)) tasks.delete(task.id)
    for (const task of tasks.values()) if (tasks.size >= mostKept && isFinished(task)) tasks.delete(task.id)
  }
  const change = (task: OwnTask, state: TaskState) => {
    if (isFinished(task)) return
    task.state = state
    task.changed = clock()
  }
  const settle = (task: OwnTask, message: Result | ErrorAnswer) => {
    if (message.kind === 'error' || message.body['resultType'] !== 'input_required') return change(task, { kind: 'answered', message })
    change(task, { kind: 'asks', message, round: task.rounds, given: {} })
    task.rounds += 1
  }

  return {
    get: (id) => tasks.get(id),
    hasRoom: (principal) => [...tasks.values()].filter((task) => task.principal === principal && !isFinished(task)).length < mostOpen,
    add(task) {
      makeRoom()
      tasks.set(task.id, task)
    },
    forget: (task) => void tasks.delete(task.id),
    change,
    channelOf: (task) => ({
      reaches: true,
      left: task.cancel.signal,
      async release(evaluated) {
        if (!isEvaluated(evaluated)) return unjudged()
        const { message } = evaluated
        if (message.kind === 'result' || message.kind === 'error') settle(task, message)
      },
      answer: async ({ envelope }) => change(task, { kind: 'own', envelope }),
      notify: async () => undefined,
      stream: () => undefined,
      prime: async () => undefined,
      retry: async () => undefined,
      pause: () => false,
      finish: () => undefined,
    }),
  }
}
