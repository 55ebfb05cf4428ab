import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'

/** How the program reaches a repository, and nothing else. */
export interface GitPlace {
  /** The bare repository that is worked in. */
  readonly repository: string
  /** A directory of its own, in place of a home. */
  readonly home: string
  /** The only transport that may be used. */
  readonly transport: 'https' | 'http' | 'ssh' | 'file'
  /** Variables that carry credentials; they are seen by the program and its children only. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly authorities?: string | undefined
}
export interface GitRun {
  readonly input?: string | Uint8Array
  /** Milliseconds. */
  readonly within?: number
  /** Bytes of its answer. */
  readonly most?: number
  readonly config?: readonly string[]
  readonly signal?: AbortSignal
}
export type GitResult =
  | { readonly ok: true; readonly out: Buffer }
  | { readonly ok: false; readonly why: 'failed' | 'timeout' | 'too_large' | 'stopped' | 'not_there'; readonly status?: number; readonly said: string }

const mostSaid = 16 * 1024

// Each switch closes a way in which a repository, or the account that the gateway runs as, could decide what is run or read.
const config = [
  'core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.attributesFile=/dev/null', 'credential.helper=',
  'protocol.ext.allow=never', 'http.followRedirects=false', 'http.emptyAuth=false', 'http.lowSpeedLimit=100', 'http.lowSpeedTime=30',
  'transfer.bundleURI=false', 'core.bigFileThreshold=64m', 'pack.threads=1', 'fetch.recurseSubmodules=false', 'submodule.recurse=false', 'fetch.unpackLimit=1', 'fetch.writeCommitGraph=false',
  'gc.auto=0', 'maintenance.auto=false',
]
const flags = config.flatMap((one) => ['-c', one])

const environmentOf = ({ repository, home, transport, secrets, authorities }: GitPlace): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: home, XDG_CONFIG_HOME: home, TMPDIR: home,
  LC_ALL: 'C',
  GIT_DIR: repository,
  GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_SYSTEM: '/dev/null', GIT_CONFIG_GLOBAL: '/dev/null', GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '',
  GIT_ALLOW_PROTOCOL: transport,
  GIT_NO_REPLACE_OBJECTS: '1', GIT_NO_LAZY_FETCH: '1', GIT_OPTIONAL_LOCKS: '0', GIT_LITERAL_PATHSPECS: '1',
  ...(authorities === undefined ? {} : { GIT_SSL_CAINFO: authorities }),
  ...secrets,
})

/** The system's `git`, without a shell. It and all that it started are ended when its time is over. */
export const runGit = (place: GitPlace, args: readonly string[], { input, within = 30_000, most = 1024 * 1024, config: more = [], signal }: GitRun = {}): Promise<GitResult> =>
  new Promise((settle) => {
    if (signal?.aborted === true) return settle({ ok: false, why: 'stopped', said: '' })
    // Without a descriptor left it has no pipes, and the error comes later.
    const child: ChildProcess = spawn('git', [...flags, ...more.flatMap((one) => ['-c', one]), ...args], {
      cwd: place.home, env: environmentOf(place), stdio: ['pipe', 'pipe', 'pipe'],
      // Its own group: what it started goes with it, and no terminal can be asked.
      detached: true,
    })
    const out: Buffer[] = []
    const said: Buffer[] = []
    let [size, heard] = [0, 0]
    let ended: 'timeout' | 'too_large' | 'stopped' | undefined
    const end = (why: NonNullable<typeof ended>): void => {
      ended ??= why
      try {
        if (child.pid !== undefined) process.kill(-child.pid, constants.signals.SIGKILL)
      } catch {
        // It has ended by itself.
      }
    }
    const timer = setTimeout(() => end('timeout'), within)
    const stop = (): void => end('stopped')
    signal?.addEventListener('abort', stop, { once: true })
    child.stdout?.on('data', (part: Buffer) => {
      size += part.length
      if (size > most) end('too_large')
      else out.push(part)
    })
    child.stderr?.on('data', (part: Buffer) => {
      if (heard < mostSaid) said.push(part)
      heard += part.length
    })
    const finish = (result: GitResult): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      settle(result)
    }
    const text = (): string => Buffer.concat(said).subarray(0, mostSaid).toString()
    child.once('error', (fault: NodeJS.ErrnoException) => finish({ ok: false, why: fault.code === 'ENOENT' ? 'not_there' : 'failed', said: fault.message }))
    child.once('close', (status) => {
      if (ended !== undefined) finish({ ok: false, why: ended, said: text() })
      else if (status === 0) finish({ ok: true, out: Buffer.concat(out) })
      else finish({ ok: false, why: 'failed', ...(status === null ? {} : { status }), said: text() })
    })
    child.stdin?.on('error', () => undefined) // it may end without having read everything
    child.stdin?.end(input)
  })
