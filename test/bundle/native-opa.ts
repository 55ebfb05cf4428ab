import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const version = 'v1.22.0'
const cache = fileURLToPath(new URL('../../node_modules/.cache/sallyport/', import.meta.url))
const cached = join(cache, `opa-${version}`)
const isRight = (path: string): boolean => spawnSync(path, ['version'], { encoding: 'utf8' }).stdout?.includes(`Version: ${version.slice(1)}\n`) ?? false

/** A native opa of the library's version: from the path, else built once where Go is. */
export const findNativeOpa = (): string | undefined => {
  if (isRight('opa')) return 'opa'
  if (existsSync(cached)) return cached
  try {
    mkdirSync(join(cache, 'bin'), { recursive: true })
    execFileSync('go', ['install', `github.com/open-policy-agent/opa@${version}`], { env: { ...process.env, GOBIN: join(cache, 'bin') }, stdio: 'pipe' })
    renameSync(join(cache, 'bin', 'opa'), cached)
    return cached
  } catch {
    process.stderr.write('SKIPPED: there is neither a native opa nor a Go that could build one, so their answers are not compared\n')
    return undefined
  }
}
