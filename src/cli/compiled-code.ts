import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Keeps what Node made of the source beside the caches of the user (XDG Base Directory), for the next start, which then takes half the time. What
 * is there runs as code: a directory that others can write to is not used, and Node's own default, in /tmp, could be made by anybody.
 * Threads and processes that are started by this one find it by the variable, which Node reads itself.
 */
export function keepCompiledCode(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): void {
  if (env['NODE_COMPILE_CACHE'] !== undefined || env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return
  const caches = cachesOf(env, platform)
  const own = join(caches, 'sallyport')
  const directory = join(own, 'compiled')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (platform !== 'win32' && !([own, directory].every(isOwn) && keepsNames(caches))) return
  } catch {
    return // it starts as well without
  }
  env['NODE_COMPILE_CACHE'] = directory
  enableCompileCache(directory)
}

/** Nobody else can put anything there, nor lead elsewhere by a link. */
function isOwn(directory: string): boolean {
  const about = lstatSync(directory)
  return about.isDirectory() && about.uid === process.getuid?.() && (about.mode & 0o022) === 0
}
/** Nobody else can put another directory in the place of one that is there: workers find it by its name later. */
function keepsNames(directory: string): boolean {
  const { uid, mode } = statSync(directory)
  return (uid === process.getuid?.() || uid === 0) && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0)
}

function cachesOf(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  const named = env['XDG_CACHE_HOME']
  return named?.startsWith('/') === true ? named : join(homedir(), '.cache')
}
