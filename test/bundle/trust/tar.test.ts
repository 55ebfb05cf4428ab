import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { unpackBundle } from '../../../src/bundle/trust/bundle-file.ts'
import { openBundle } from '../../../src/bundle/trust/open-bundle.ts'
import { readTar } from '../../../src/bundle/trust/read-tar.ts'
import { writeTar } from '../../../src/bundle/trust/tar.ts'
import { directoryOf } from '../support.ts'
import { archiveOf, end, entry, note, type Entry } from './archives.ts'

const long = `policies/${'very-'.repeat(15)}/${'long-'.repeat(10)}/é.rego`
const files = new Map([
  ['/data.json', Buffer.from('{}')],
  ['/empty', Buffer.alloc(0)],
  [`/${long}`, Buffer.from('x'.repeat(1500))],
])
const filesIn = (archive: Buffer): ReadonlyMap<string, Buffer> => {
  const read = readTar(archive)
  if (!read.ok) throw new Error(`${read.file ?? 'the archive'}: ${read.why}`)
  return read.files
}

test('what is written is read, long names too', () => {
  const read = filesIn(writeTar(files))
  expect([...read.keys()]).toEqual(['data.json', 'empty', long])
  expect(read.get(long)?.toString()).toBe('x'.repeat(1500))
})

test("the system's tar reads it and is read", async () => {
  const directory = await directoryOf({ 'a.rego': 'package a', [long]: 'package b', 'folder/c.rego': 'package c' })
  await writeFile(join(directory, 'ours.tar'), writeTar(files))
  const listed = execFileSync('tar', ['--list', '--absolute-names', '--quoting-style=literal', '-f', 'ours.tar'], { cwd: directory, encoding: 'utf8' })
  expect(listed.split('\n')).toEqual(['/data.json', '/empty', `/${long}`, ''])
  for (const format of ['gnu', 'pax', 'ustar']) {
    execFileSync('tar', ['--create', `--format=${format}`, '--exclude=*.tar', '-f', 'theirs.tar', './a.rego', './folder', long], { cwd: directory })
    const read = filesIn(await readFile(join(directory, 'theirs.tar')))
    expect([...read.keys()]).toEqual(['a.rego', 'folder/c.rego', long])
    expect(read.get(long)?.toString()).toBe('package b')
  }
})

test('an archive that git makes is read', async () => {
  const directory = await directoryOf({ 'policies/a.rego': 'package policies.a' })
  const git = (...args: readonly string[]): Buffer => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { cwd: directory })
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '--message', 'a')
  expect([...filesIn(git('archive', '--format=tar', 'HEAD')).keys()]).toEqual(['policies/a.rego'])
})

const good: Entry = { name: 'policies/a.rego', body: 'package policies.a' }
const oddNames = [
  '../a.rego', '/../a.rego', 'policies/../../a.rego', 'policies/..', '..', '//etc/passwd', '/./a.rego', './/a.rego', 'policies//a.rego', 'policies/./a.rego',
  'policies\\a.rego', 'C:/a.rego', 'c:a.rego', 'policies/\u0001.rego', 'policies/a.rego/', '', '/', `${'d/'.repeat(40)}a.rego`, 'x'.repeat(2000),
]
const oddTypes = ['1', '2', '3', '4', '6', '7', 'S', 'K', 'V', 'M', 'D', 'N', 'X', 'Z']
const twins: readonly (readonly [string, string])[] = [
  ['a.rego', 'a.rego'], ['a.rego', './a.rego'], ['/a.rego', 'a.rego'], ['a.rego', 'A.rego'], ['é.rego', 'e\u0301.rego'], ['ﬁ.rego', 'fi.rego'], ['straße.rego', 'STRASSE.rego'], ['a.rego', 'a.rego/b.rego'], ['A/b.rego', 'a'],
]
const refused: readonly (readonly [what: string, archive: Buffer, says: RegExp])[] = [
  ...oddNames.map((name): [string, Buffer, RegExp] => [`the name ${JSON.stringify(name.slice(0, 30))}`, archiveOf({ name, body: 'x' }), /name|deep/]),
  ...oddTypes.map((type): [string, Buffer, RegExp] => [`an entry of type ${type}`, archiveOf(good, { name: 'other', type, link: '/etc/passwd' }), /only files/]),
  ...twins.map(([one, other]): [string, Buffer, RegExp] => [`${one} beside ${other}`, archiveOf({ name: one, body: '1' }, { name: other, body: '2' }), /twice|same file|both a file/]),
  ['a name that is not UTF-8', archiveOf({ name: Buffer.from([0x61, 0xff]) }), /UTF-8/],
  ['a name in a pax header that leads out', archiveOf({ note: note('path', '../a.rego') }, good), /leads out/],
  ['two names for one file', archiveOf({ note: note('path', 'b.rego') }, { note: note('path', 'c.rego') }, good), /two names/],
  ['two names in one pax header', archiveOf({ note: note('path', 'b.rego') + note('path', 'c.rego') }, good), /odd path/],
  ['an empty name in a pax header', archiveOf({ note: note('path', '') }, good), /odd path/],
  ['a GNU name beside a pax name', archiveOf({ note: note('path', 'b.rego') }, { name: '././@LongLink', type: 'L', body: 'c.rego\0' }, good), /two names/],
  ['a name for nobody', archiveOf(good, { note: note('path', 'b.rego') }), /too early/],
  ['a name for all files', archiveOf({ note: note('path', 'b.rego'), type: 'g' }, good), /all files/],
  ['a size in a pax header', archiveOf({ note: note('size', '3') }, good), /size/],
  ['a link in a pax header', archiveOf({ note: note('linkpath', '/etc/passwd') }, good), /linkpath/],
  ['another charset', archiveOf({ note: note('hdrcharset', 'BINARY') }, good), /hdrcharset/],
  ['a sparse file of GNU', archiveOf({ note: note('GNU.sparse.major', '1') + note('GNU.sparse.name', 'b.rego') }, good), /sparse/],
  ['a pax header that lies about its length', archiveOf({ note: '99 path=b.rego\n' }, good), /cannot be read/],
  ['a pax header without an end', archiveOf({ note: '13 path=b.rego' }, good), /cannot be read/],
  ['a pax header that is too large', archiveOf({ note: note('comment', 'x'.repeat(70_000)) }, good), /too large/],
  ['a folder with content', archiveOf({ name: 'policies/', type: '5', body: 'x' }), /folder with content/],
  ['a folder that leads out', archiveOf({ name: '../policies/', type: '5' }), /leads out/],
  ['a size that is not octal', archiveOf({ ...good, size: '9999' }), /damaged/],
  ['a size below zero', archiveOf({ ...good, size: '-1' }), /damaged/],
  ['a size in binary', archiveOf({ ...good, size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]) }), /damaged/],
  ['a size of eight gigabytes', archiveOf({ ...good, size: '77777777777' }), /too early/],
  ['a wrong checksum', archiveOf({ ...good, sum: 1 }), /damaged/],
  ['a header of another magic', archiveOf({ ...good, magic: 'custom\x0000' }), /damaged/],
  ['no end', Buffer.concat([entry(good)]), /too early/],
  ['half an end', Buffer.concat([entry(good), Buffer.alloc(512)]), /too early/],
  ['the middle of a file', Buffer.concat([entry(good)]).subarray(0, 700), /too early/],
  ['something behind the end', Buffer.concat([archiveOf(good), entry(good), end]), /follows its end/],
  ['something behind an end that is too short', Buffer.concat([entry(good), Buffer.alloc(512), entry(good), end]), /follows its end/],
  ['a text', Buffer.alloc(1024, 'x'), /not a tar archive/],
  ['nothing', Buffer.alloc(0), /too early/],
  ['more entries than any bundle has', Buffer.concat([...Array.from({ length: 20_001 }, (_, at) => entry({ name: `${at}` })), end]), /20000 entries/],
]
test.each(refused)('an archive with %s is refused', async (_what, archive, says) => {
  const read = readTar(archive)
  expect(read.ok ? 'it was read' : read.why).toMatch(says)
  expect(await unpackBundle(gzipSync(archive))).toMatchObject({ ok: false, problems: [{ stage: 'verify', code: 'not_a_bundle' }] })
})

test('the control of these archives is read', () => {
  expect([...filesIn(archiveOf({ name: './', type: '5' }, { note: note('mtime', '1.5') + note('path', 'b.rego') }, good, { name: './c.rego' })).keys()]).toEqual(['b.rego', 'c.rego'])
})

const bundleOf = (...entries: readonly Entry[]): Buffer => gzipSync(archiveOf(...entries))
const whole = bundleOf(good)
const refusedBundles: readonly (readonly [what: string, bytes: Buffer, says: RegExp])[] = [
  ['no gzip at all', Buffer.from('nothing'), /not a gzip/],
  ['a gzip file that ends too early', whole.subarray(0, -5), /damaged/],
  ['something behind the gzip file', Buffer.concat([whole, Buffer.alloc(10)]), /follows its end/],
  ['another text behind the gzip file', Buffer.concat([whole, Buffer.from('more')]), /damaged|follows/],
  ['an archive behind the gzip file', Buffer.concat([whole, whole]), /follows its end/],
  ['a bomb', gzipSync(Buffer.alloc(65 * 1024 * 1024)), /more than 64 MiB/],
  ['a second list of signatures', bundleOf(good, { name: 'policies/.signatures.json', body: '{}' }), /only the root/],
  ['a second manifest', bundleOf(good, { name: 'policies/.manifest', body: '{}' }), /only the root/],
  ['a manifest by another name', bundleOf(good, { name: 'x.manifest', body: '{}' }), /only the root/],
  ['a manifest in another form', bundleOf(good, { name: '.manifest.pb', body: '{}' }), /must be JSON/],
  ['a patch', bundleOf({ name: 'patch.json', body: '{}' }), /delta/],
  ['a manifest that is no JSON', bundleOf(good, { name: '.manifest', body: '{' }), /manifest/],
  ['a manifest of another Rego', bundleOf(good, { name: '.manifest', body: '{"rego_version": 0}' }), /another version/],
  ['a manifest whose revision is no text', bundleOf(good, { name: '.manifest', body: '{"revision": 1}' }), /manifest/],
]
test.each(refusedBundles)('a bundle with %s is refused', async (_what, bytes, says) => {
  const opened = await openBundle(bytes)
  expect(opened.ok ? 'it was opened' : opened.problems.map(({ message }) => message).join()).toMatch(says)
})
