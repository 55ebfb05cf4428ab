interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}
export interface Progress {
  /** `share` is from 0 to 1. */
  show(share: number, text: string): void
  end(): void
}

const every = 100
const width = 24

/** A line that is written over on a terminal; nothing elsewhere. */
export function createProgress(terminal: Terminal = process.stderr): Progress {
  if (terminal.isTTY !== true) return { show: () => undefined, end: () => undefined }
  let last = -Infinity
  return {
    show(share, text) {
      const now = performance.now()
      if (now - last < every) return
      last = now
      const full = Math.round(width * Math.min(Math.max(share, 0), 1))
      terminal.write(`\r${`[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${text}`.slice(0, (terminal.columns ?? 80) - 1)}\u001b[K`)
    },
    end: () => void terminal.write('\r\u001b[K'),
  }
}
