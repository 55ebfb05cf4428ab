import type { SecretSource } from '../fields.ts'
import type { SecretRead } from './secret-read.ts'

/** A secret that may be another one tomorrow. */
export interface LiveSecret {
  value(): string
  /** Counts the values. */
  version(): number
  /** What it was before: a server may still send it back. */
  former(): readonly string[]
  /** Whether it is another than `version` by now; read anew if need be. */
  renewed(version: number): Promise<boolean>
}
export interface LiveSecrets {
  /** `path` as `Secrets` knows it, and where the configuration says that it comes from. */
  of(path: string, source: SecretSource): LiveSecret
  close(): void
}
export interface LiveSecretsOptions {
  readonly initial: (path: string) => string
  readonly read: (source: SecretSource) => Promise<SecretRead>
  /** Milliseconds. */
  readonly every: number
  readonly accepts: (path: string, value: string) => boolean
  readonly tell: { changed(path: string): void; failed(path: string, found: string): void }
}

const mostFormer = 3
const leastGap = 1000
const longestGap = 60_000

/** Reads secrets again and again. What cannot be read stays as it was. */
export const createLiveSecrets = ({ initial, read, every, accepts, tell }: LiveSecretsOptions): LiveSecrets => {
  const all = new Map<string, { readonly secret: LiveSecret; look(): Promise<void> }>()

  const follow = (path: string, source: SecretSource) => {
    let value = initial(path)
    let version = 0
    let former: readonly string[] = []
    let looking: Promise<void> | undefined
    let lookedAt = Number.NEGATIVE_INFINITY
    let gap = leastGap
    const take = (next: string) => {
      if (next === value) return
      former = [value, ...former.filter((old) => old !== next)].slice(0, mostFormer)
      value = next
      version += 1
      gap = leastGap
      tell.changed(path)
    }
    const lookNow = async () => {
      lookedAt = performance.now()
      const found = await read(source).catch((error: unknown): SecretRead => ({ ok: false, found: `a fault (${(error as Error).name})`, expected: 'a secret' }))
      if (found.ok && accepts(path, found.value)) take(found.value)
      else tell.failed(path, found.ok ? 'a secret with signs that no header can carry' : found.found)
    }
    const look = () => (looking ??= lookNow().finally(() => (looking = undefined)))
    const secret: LiveSecret = {
      value: () => value,
      version: () => version,
      former: () => former,
      async renewed(known) {
        if (version !== known) return true
        if ('env' in source) return false // no process sees its variables change
        // What is being read now may have been read before the secret changed.
        await looking
        if (version !== known) return true
        if (looking === undefined) {
          // A manager may be a moment behind the server: whoever comes within that moment waits for the next look, all for the same.
          const wait = lookedAt + gap - performance.now()
          if (wait > leastGap) return false
          looking = (wait > 0 ? pause(wait) : Promise.resolve()).then(lookNow).finally(() => (looking = undefined))
          await looking
          if (version === known) gap = Math.min(gap * 2, longestGap)
        } else await looking
        return version !== known
      },
    }
    return { secret, look: async () => ('env' in source ? undefined : look()) }
  }

  const timer = setInterval(() => {
    for (const { look } of all.values()) void look()
  }, every).unref()

  return {
    of(path, source) {
      const known = all.get(path) ?? follow(path, source)
      all.set(path, known)
      return known.secret
    },
    close: () => clearInterval(timer),
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
