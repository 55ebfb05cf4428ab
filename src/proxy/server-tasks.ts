import type { GrantedApproval, Request } from '../model.ts'

/** A call whose server answers by way of a task. */
export interface ServerTask {
  readonly request: Request
  /** What released it. */
  readonly approval: GrantedApproval | undefined
}
/** The tasks of one session, by the server's ids: what is said of one is judged as the call that made it. */
export interface ServerTasks {
  readonly size: number
  get(id: string): ServerTask | undefined
  has(id: string): boolean
  /** `length` is that of the call as it prints. The oldest are forgotten where it is too much. */
  set(id: string, task: ServerTask, length: number): void
}

const mostTasks = 1000
/** Characters of the calls and ids. The newest is kept, whatever its length. */
const mostLength = 4 * 1024 * 1024

export function createServerTasks(): ServerTasks {
  const tasks = new Map<string, { readonly task: ServerTask; readonly length: number }>()
  let whole = 0
  const forget = (id: string) => {
    whole -= tasks.get(id)?.length ?? 0
    tasks.delete(id)
  }
  return {
    get size() {
      return tasks.size
    },
    get: (id) => tasks.get(id)?.task,
    has: (id) => tasks.has(id),
    set(id, task, ofCall) {
      forget(id)
      const length = ofCall + id.length
      tasks.set(id, { task, length })
      whole += length
      for (const oldest of tasks.keys()) {
        if (oldest === id || (tasks.size <= mostTasks && whole <= mostLength)) return
        forget(oldest)
      }
    },
  }
}
