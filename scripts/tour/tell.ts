import { setTimeout as pause } from 'node:timers/promises'
import { stripVTControlCharacters, styleText } from 'node:util'

export interface Teller {
  /** A new part of the story. */
  step(title: string): Promise<void>
  say(text: string): Promise<void>
  /** What really came, from a server or the gateway. */
  show(text: string): Promise<void>
  command(text: string): void
  /** What was just claimed is checked here; the tour ends where it does not hold. */
  claim(text: string, holds: boolean, found?: unknown): Promise<void>
}

export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed'
}

export function createTeller({ paced }: { readonly paced: boolean }): Teller {
  const write = (text: string) => void process.stdout.write(`${text}\n`)
  const breathe = (milliseconds: number) => (paced ? pause(milliseconds) : Promise.resolve())
  let number = 0
  return {
    async step(title) {
      await breathe(1500)
      number += 1
      write(`\n${styleText(['bold', 'cyan'], `${number}. ${title}`)}`)
      await breathe(700)
    },
    async say(text) {
      write(`   ${text}`)
      await breathe(Math.min(400 + text.length * 22, 3500))
    },
    async show(text) {
      const lines = stripVTControlCharacters(text).split('\n')
      for (const line of lines.slice(0, 24)) write(styleText('dim', `   │ ${line.length > 150 ? `${line.slice(0, 149)}…` : line}`))
      if (lines.length > 24) write(styleText('dim', `   │ … ${lines.length - 24} more lines`))
      await breathe(1200)
    },
    command(text) {
      write(`     ${styleText('yellow', text)}`)
    },
    async claim(text, holds, found) {
      if (!holds) {
        write(styleText('red', `   ✗ ${text}`))
        throw new ClaimFailed(found === undefined ? text : `${text}; found ${JSON.stringify(found)?.slice(0, 2000)}`)
      }
      write(styleText('green', `   ✓ ${text}`))
      await breathe(900)
    },
  }
}
