import { GatewayError } from '../errors.ts'
import type { Child } from './child.ts'

/** The processes of one server, of which there are only so many. */
export interface Children {
  /** Stops the one idle for longest where there is no room for another; throws `GatewayError('capacity')` where all are busy. */
  makeRoom(owner: string): void
  add(child: Child, slot: Slot): void
  used(child: Child, now: number): void
  remove(child: Child): void
  stopAll(): Promise<void>
}
export interface Slot {
  readonly owner: string
  readonly isIdle: () => boolean
  /** Its session forgets it, and starts another when it is used again. */
  readonly forget: () => void
}
export interface ChildLimits {
  readonly name: string
  readonly maxChildren: number
  readonly maxChildrenPerOwner: number
}

interface Kept extends Slot {
  lastUsed: number
  isLeaving: boolean
}

// Between a greeting and the first call nothing is open for a moment: only a child that is idle for longer may be stopped.
const idleAfter = 1000

export function createChildren({ name, maxChildren, maxChildrenPerOwner }: ChildLimits): Children {
  const children = new Map<Child, Kept>()

  const stopIdlest = (among: readonly (readonly [Child, Kept])[]): boolean => {
    const now = performance.now()
    const [idlest] = among.filter(([, kept]) => kept.isIdle() && now - kept.lastUsed > idleAfter).sort(([, one], [, other]) => one.lastUsed - other.lastUsed)
    if (idlest === undefined) return false
    const [child, kept] = idlest
    kept.isLeaving = true
    kept.forget()
    void child.stop()
    return true
  }

  return {
    // Most clients leave without a DELETE, and their children stay: the one idle for longest goes, and starts again if its session is used.
    makeRoom(owner) {
      const all = [...children].filter(([, kept]) => !kept.isLeaving)
      const own = all.filter(([, kept]) => kept.owner === owner)
      if (own.length >= maxChildrenPerOwner && !stopIdlest(own)) throw new GatewayError('capacity', { detail: `${own.length} processes of ${name} are busy for this caller` })
      if (all.length >= maxChildren && !stopIdlest(all)) throw new GatewayError('capacity', { detail: `${all.length} processes of ${name} are busy` })
    },
    add: (child, slot) => void children.set(child, { ...slot, lastUsed: performance.now(), isLeaving: false }),
    used(child, now) {
      const kept = children.get(child)
      if (kept !== undefined) kept.lastUsed = now
    },
    remove: (child) => void children.delete(child),
    async stopAll() {
      await Promise.all([...children.keys()].map((child) => child.stop()))
    },
  }
}
