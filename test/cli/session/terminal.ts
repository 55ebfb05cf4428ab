import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bareEnvironment } from '../../../src/bare-environment.ts'
import { createPersonBrowser, type PersonBrowser, type Visit } from '../../support/person-browser.ts'
import { until } from '../../support/conditions.ts'

const program = join(import.meta.dirname, '../../../src/cli/main.ts')

export interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}
/** A person's account on a machine: a home, programs that open addresses, and perhaps a place for secrets. */
export interface Terminal {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** What `xdg-open` was called with, argument by argument, one call after the other. */
  opened(): readonly (readonly string[])[]
  /** `hear` is told what stands on the standard error so far. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, hear?: (err: string) => void): Promise<Run>
  /** Runs a command in which somebody signs in, and plays them in the browser that was opened. */
  runSigningIn(args: readonly string[], act?: (url: string) => Promise<unknown>): Promise<Run>
  close(): void
}

const failing = '#!/bin/sh\nexit 1\n'

export function createTerminal({ secretTool = failing, hasScreen = true }: { readonly secretTool?: string; readonly hasScreen?: boolean } = {}): Terminal {
  const home = mkdtempSync(join(tmpdir(), 'terminal-'))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  const calls = join(home, 'opened')
  writeFileSync(calls, '')
  const programs = { 'xdg-open': `#!/bin/sh\nline=$#\nfor word in "$@"; do line="$line $word"; done\nprintf '%s\\n' "$line" >> "${calls}"\n`, 'secret-tool': secretTool }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), text)
    chmodSync(join(bin, name), 0o755)
  }
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: home, XDG_CONFIG_HOME: join(home, 'config'), ...bareEnvironment(), ...(hasScreen ? { DISPLAY: ':9' } : {}) }
  const opened = () => readFileSync(calls, 'utf8').split('\n').filter((line) => line !== '').map((line) => line.split(' ').slice(1))
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}, hear: (err: string) => void = () => undefined): Promise<Run> => new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', program, ...args], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 })
    const text = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (part: string) => void (text.out += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => hear((text.err += part)))
    child.once('close', (code, signal) => resolve({ code: code ?? (signal === null ? 0 : -1), ...text }))
  })
  return {
    home, env, opened, run,
    async runSigningIn(args, act = sayYes) {
      const before = opened().length
      const running = run(args)
      const url = await Promise.race([until(() => opened()[before]?.[0]), running.then(({ err, out }) => { throw new Error(`it asked nobody: ${out}${err}`) })])
      await act(url)
      return running
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  }
}

/** They sign in, are asked, and answer; the browser goes where it is sent, to the command's own port in the end. */
export async function answerWith(answer: string, url: string, browser: PersonBrowser = createPersonBrowser()): Promise<Visit> {
  return browser.submit(await browser.visit(url), { answer }, 'name="answer"')
}
export const sayYes = (url: string): Promise<Visit> => answerWith('allow', url)
