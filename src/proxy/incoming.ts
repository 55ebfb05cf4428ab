/** What the messages of one request take in memory until their turn has come. */
export interface Load {
  /** False where there is no room for so many bytes more. */
  take(bytes: number): boolean
  /** Gives all of it back; a second time does nothing. */
  end(): void
}

/** Bytes of messages that are arriving, or wait: whoever sends many, or many slowly, must not take the memory of all. */
export interface Incoming {
  open(who: string): Load
}

const mostOfOne = 64 * 1024 * 1024
const mostOfAll = 4 * mostOfOne

/** Where others have taken all the room, there is still some for one message of `largest` bytes of each caller. */
export function createIncoming(largest: number): Incoming {
  const callers = new Map<string, number>()
  let all = 0
  return {
    open(who) {
      let own = 0
      return {
        take(bytes) {
          const ofCaller = (callers.get(who) ?? 0) + bytes
          if (ofCaller > mostOfOne || (all + bytes > mostOfAll && ofCaller > largest)) return false
          callers.set(who, ofCaller)
          all += bytes
          own += bytes
          return true
        },
        end() {
          if (own === 0) return
          const left = (callers.get(who) ?? 0) - own
          if (left > 0) callers.set(who, left)
          else callers.delete(who)
          all -= own
          own = 0
        },
      }
    },
  }
}
