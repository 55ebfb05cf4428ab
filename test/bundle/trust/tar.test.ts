import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unpackBundle } from '../../../src/bundle/trust/bundle-file.ts'
import { readTar, writeTar } from '../../../src/bundle/trust/tar.ts'
import { directoryOf } from '../support.ts'

const long = `policies/${'very-'.repeat(15)}/${'long-'.repeat(10)}/é.rego`
const files = new Map([
  ['/data.json', Buffer.from('{}')],
  ['/empty', Buffer.alloc(0)],
  [`/${long}`, Buffer.from('x'.repeat(1500))],
])

test('what is written is read, long names too', () => {
  const read = readTar(writeTar(files))
  expect([...read.keys()]).toEqual(['data.json', 'empty', long])
  expect(read.get(long)?.toString()).toBe('x'.repeat(1500))
})

test("the system's tar reads it and is read", async () => {
  const directory = await directoryOf({ 'a.rego': 'package a', [long]: 'package b' })
  await writeFile(join(directory, 'ours.tar'), writeTar(files))
  const listed = execFileSync('tar', ['--list', '--absolute-names', '--quoting-style=literal', '-f', 'ours.tar'], { cwd: directory, encoding: 'utf8' })
  expect(listed.split('\n')).toEqual(['/data.json', '/empty', `/${long}`, ''])
  for (const format of ['gnu', 'pax', 'ustar']) {
    execFileSync('tar', ['--create', `--format=${format}`, '-f', 'theirs.tar', './a.rego', long], { cwd: directory })
    const read = readTar(await readFile(join(directory, 'theirs.tar')))
    expect(read.get(long)?.toString()).toBe('package b')
    expect(read.get('a.rego')?.toString()).toBe('package a')
  }
})

test('what is no archive, or ends too early, is refused', async () => {
  const whole = writeTar(files)
  expect(() => readTar(whole.subarray(0, 1500))).toThrow('not a whole tar archive')
  expect(() => readTar(Buffer.alloc(1024, 'x'))).toThrow('not a tar archive')
  expect(await unpackBundle(Buffer.from('nothing'))).toMatchObject({ ok: false, problems: [{ code: 'not_a_bundle' }] })
})
