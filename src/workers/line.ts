import type { Socket } from 'node:net'

/** What may be asked of one side: the question's value and the answer's, by name. */
export type Questions = { readonly [what: string]: { readonly asks: unknown; readonly answers: unknown } }
export type Answers<Q extends Questions> = { readonly [W in keyof Q]: (value: Q[W]['asks']) => Q[W]['answers'] | Promise<Q[W]['answers']> }

/** The process at the other end: a child, or for a child its parent. */
export interface Peer {
  readonly connected: boolean
  send?(message: object, handle?: Socket, options?: object, sent?: (error: Error | null) => void): boolean
  on(event: 'message', heard: (message: unknown, handle?: unknown) => void): unknown
  once(event: 'disconnect' | 'exit', heard: () => void): unknown
}
export interface Line<Theirs extends Questions> {
  /** Rejects with a text where the other side fails, is gone, or takes longer than `within` milliseconds. */
  ask<W extends keyof Theirs & string>(what: W, value: Theirs[W]['asks'], within?: number): Promise<Theirs[W]['answers']>
  /** Hands a connection over with what was read of it; it is closed where that fails. */
  pass(socket: Socket, head: Buffer): void
}

type Message =
  | { readonly kind: 'question'; readonly number: number; readonly what: string; readonly value: unknown }
  | { readonly kind: 'answer'; readonly number: number; readonly value: unknown }
  | { readonly kind: 'fault'; readonly number: number; readonly why: string }
  | { readonly kind: 'connection'; readonly head: Uint8Array }
/** Of the system: closing what was closed or handed over does nothing. */
interface Handle {
  close(): void
}
interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

const usually = 30_000
export const textOf = (fault: unknown): string => (typeof fault === 'object' && fault !== null && 'message' in fault ? String(fault.message) : String(fault))

export interface LineOptions {
  readonly accept?: (socket: Socket, head: Buffer) => void
  /** Connections that the other side has not taken: one that hangs must not use up all descriptors of this one. */
  readonly mostPassing?: number
}

/** Questions and connections between the supervisor and one worker, over the channel that a child has to its parent. */
export function createLine<Theirs extends Questions, Own extends Questions>(peer: Peer, answers: Answers<Own>, { accept, mostPassing = 0 }: LineOptions = {}): Line<Theirs> {
  const waiting = new Map<number, Waiting>()
  const passing = new Set<Socket>()
  let last = 0
  let isOver = false
  /** Sent, and perhaps not taken: the next one is only sent when it is, and nobody tells. */
  let onItsWay: Handle | undefined

  const tell = (message: Message): void => {
    if (peer.connected) peer.send?.(message, undefined, undefined, () => undefined)
  }
  const answer = async ({ number, what, value }: Extract<Message, { kind: 'question' }>): Promise<void> => {
    try {
      tell({ kind: 'answer', number, value: await answers[what]?.(value) })
    } catch (fault) {
      tell({ kind: 'fault', number, why: textOf(fault) })
    }
  }
  peer.on('message', (heard, handle) => {
    const message = heard as Message // both ends run the same version
    if (message.kind === 'question') return void answer(message)
    if (message.kind === 'connection') {
      // Its client may have left on the way.
      if (handle !== undefined) accept?.(handle as Socket, Buffer.from(message.head))
      return
    }
    const asked = waiting.get(message.number)
    waiting.delete(message.number)
    if (message.kind === 'answer') asked?.resolve(message.value)
    else asked?.reject(new Error(message.why))
  })
  // With connections on their way Node waits for the other side to take them, even when that has ended: then only its exit is told.
  const over = (): void => {
    isOver = true
    for (const asked of waiting.values()) asked.reject(new Error('it has ended'))
    waiting.clear()
    onItsWay?.close()
    for (const socket of passing) socket.destroy()
  }
  peer.once('disconnect', over)
  peer.once('exit', over)

  return {
    ask: (what, value, within = usually) =>
      new Promise((resolve, reject) => {
        if (isOver || !peer.connected) return reject(new Error('it has ended'))
        const number = ++last
        const timer = setTimeout(() => {
          waiting.delete(number)
          reject(new Error(`it did not answer ${what} within ${within} ms`))
        }, within).unref()
        waiting.set(number, {
          resolve(value) {
            clearTimeout(timer)
            resolve(value as never) // of the question that was asked
          },
          reject(error) {
            clearTimeout(timer)
            reject(error)
          },
        })
        tell({ kind: 'question', number, what, value })
      }),
    pass(socket, head) {
      const { _handle: handle } = socket as Socket & { readonly _handle: Handle | null }
      if (isOver || !peer.connected || handle === null || passing.size >= mostPassing) return void socket.destroy()
      passing.add(socket)
      peer.send?.({ kind: 'connection', head } satisfies Message, socket, {}, (error) => {
        passing.delete(socket)
        if (error === null) onItsWay = handle
        else socket.destroy()
      })
    },
  }
}
