/** Writes `src/policy/builtins/zones.br`: the time zones that Go brings, so that both evaluators read a time in the same zone. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

const cwd = new URL('../src/bundle/opa/', import.meta.url)
const zip = readFileSync(join(execFileSync('go', ['env', 'GOROOT'], { cwd, encoding: 'utf8' }).trim(), 'lib/time/zoneinfo.zip'))

/** The archive is not compressed: local headers (PKWARE APPNOTE 4.3.7), each with a name and its bytes. */
const zones: Record<string, string> = {}
for (let at = 0; zip.readUInt32LE(at) === 0x04034b50; ) {
  const size = zip.readUInt32LE(at + 18)
  const name = at + 30
  const body = name + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28)
  if (zip.readUInt16LE(at + 8) !== 0) throw new Error('a compressed archive')
  if (size > 0) zones[zip.toString('utf8', name, name + zip.readUInt16LE(at + 26))] = zip.toString('latin1', body, body + size)
  at = body + size
}
const text = JSON.stringify(zones)
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: text.length }
const packed = brotliCompressSync(Buffer.from(text), { params })
writeFileSync(new URL('../src/policy/builtins/zones.br', import.meta.url), packed)
console.log(`${Object.keys(zones).length} zones, ${packed.length} bytes`)
