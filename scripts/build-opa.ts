// Builds OPA's library (src/bundle/opa) to WASI, bit for bit the same on every machine.
//   node scripts/build-opa.ts           build, and keep the module and its hash
//   node scripts/build-opa.ts --quick   the same with lighter compression, for work on the Go program
//   node scripts/build-opa.ts --check   build, and compare with the module and the hash that are kept
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

const folder = fileURLToPath(new URL('../src/bundle/opa/', import.meta.url))
const packed = join(folder, 'opa.wasm.br')
const hashFile = join(folder, 'opa.wasm.sha256')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const keptHash = (): string | undefined => (existsSync(hashFile) ? readFileSync(hashFile, 'utf8').trim() : undefined)
const packedHash = (): string | undefined => (existsSync(packed) ? sha256(brotliDecompressSync(readFileSync(packed))) : undefined)

// Whatever of Go's settings could change a bit is fixed here; the toolchain is the one that go.mod names, newer ones included.
const toolchain = /^toolchain (\S+)$/m.exec(readFileSync(join(folder, 'go.mod'), 'utf8'))?.[1] ?? 'local'
const pinned = { GOOS: 'wasip1', GOARCH: 'wasm', GOWASM: '', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: toolchain, GOEXPERIMENT: '', GOWORK: 'off', CGO_ENABLED: '0' }
const env = { ...process.env, ...pinned }
const canRun = (...command: string[]): boolean => spawnSync('go', command, { cwd: folder, env }).status === 0

const compile = (): Buffer => {
  const out = mkdtempSync(join(tmpdir(), 'sallyport-opa-'))
  try {
    const flags = ['-p', '2', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w -buildid=', '-o', join(out, 'opa.wasm'), '.']
    const built = spawnSync('go', ['build', ...flags], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] })
    if (built.status !== 0) throw new Error(`go build failed (${built.status ?? built.error?.message})`)
    return readFileSync(join(out, 'opa.wasm'))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const compress = (raw: Buffer, quality: number): Buffer =>
  brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  })

const check = (): number => {
  if (packedHash() !== keptHash()) {
    console.error(`opa.wasm.br holds ${packedHash() ?? 'nothing'}, opa.wasm.sha256 says ${keptHash() ?? 'nothing'}`)
    return 1
  }
  const missing = !canRun('version') ? `no Go (${toolchain}) here` : !canRun('list', '-deps', '.') ? "OPA's modules cannot be fetched" : undefined
  if (missing) {
    console.error(`SKIPPED: ${missing}, so the committed opa.wasm.br is not compared with its source`)
    return 0
  }
  const built = sha256(compile())
  if (built === keptHash()) {
    console.log(`opa.wasm is what its source builds: ${built}`)
    return 0
  }
  console.error(`the source builds ${built}, but ${keptHash()} is committed; run node scripts/build-opa.ts`)
  return 1
}

const build = (quality: number): number => {
  const raw = compile()
  const hash = sha256(raw)
  if (packedHash() !== hash || (quality === 11 && readFileSync(packed).length > 5_900_000)) writeFileSync(packed, compress(raw, quality))
  writeFileSync(hashFile, `${hash}\n`)
  console.log(`${hash}  ${raw.length} bytes, ${readFileSync(packed).length} packed`)
  return 0
}

const [mode] = process.argv.slice(2)
process.exitCode = mode === '--check' ? check() : build(mode === '--quick' ? 9 : 11)
