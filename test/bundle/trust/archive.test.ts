import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openArchive } from '../../../src/bundle/trust/archive.ts'
import type { ArchiveOptions, BundleArchive, Kept } from '../../../src/bundle/trust/archive.ts'

const key = randomBytes(32)
const digestOf = (number: number): string => `bnd_${number.toString(16).padStart(32, '0')}`
const kept = (number: number, more: Partial<Kept> = {}): Kept => ({ digest: digestOf(number), revision: `r${number}`, content: 'c', trust: '', source: 'here', activated_at: number, ...more })
const bytesOf = (number: number): Buffer => Buffer.from(`bundle ${number}`)
const place = async (): Promise<string> => join(await mkdtemp(join(tmpdir(), 'sallyport-test-')), 'store.db.bundles')
const open = (directory: string, more: Partial<ArchiveOptions> = {}): Promise<BundleArchive> => openArchive({ directory, key, ...more })
const numbers = (archive: BundleArchive): readonly number[] => archive.list().map(({ digest }) => Number.parseInt(digest.slice(4), 16))

test('what was kept is there after a restart, newest first, for nobody else to read', async () => {
  const directory = await place()
  const archive = await open(directory)
  expect(archive.list()).toEqual([])
  await archive.keep(kept(1, { commit: 'abc', order: 7 }), bytesOf(1))
  await archive.keep(kept(2), bytesOf(2))
  await archive.keep(kept(1, { revision: 'again', activated_at: 9 }), bytesOf(3))
  await archive.saveCurrent(12)
  const again = await open(directory)
  expect(again.list()).toEqual([kept(1, { revision: 'again', activated_at: 9 }), kept(2)])
  expect(again.currentAt()).toBe(12)
  // The same bundle keeps the file that it has.
  expect(await again.get(digestOf(1))).toEqual({ ok: true, bytes: bytesOf(1) })
  expect(await readdir(directory)).toEqual([`${digestOf(1)}.tar.gz`, `${digestOf(2)}.tar.gz`, 'index.json'])
  const modes = await Promise.all([directory, join(directory, 'index.json'), join(directory, `${digestOf(2)}.tar.gz`)].map(async (path) => (await stat(path)).mode & 0o777))
  expect(modes).toEqual([0o700, 0o600, 0o600])
})

test('the newest stay, and those that records name', async () => {
  const directory = await place()
  const archive = await open(directory, { most: 3, needed: () => new Set([digestOf(2)]) })
  for (const number of [1, 2, 3, 4, 5]) await archive.keep(kept(number), bytesOf(number))
  expect(numbers(archive)).toEqual([5, 4, 3, 2])
  expect(await readdir(directory)).not.toContain(`${digestOf(1)}.tar.gz`)
  expect(await archive.get(digestOf(1))).toMatchObject({ ok: false })
  await archive.keep(kept(6), bytesOf(6))
  expect(numbers(archive)).toEqual([6, 5, 4, 2])
})

test('one that did not become active leaves everything as it was', async () => {
  const directory = await place()
  const archive = await open(directory, { most: 2 })
  for (const number of [1, 2]) await archive.keep(kept(number), bytesOf(number))
  await archive.keep(kept(3), bytesOf(3))
  await archive.takeBack()
  await archive.takeBack()
  for (const each of [archive, await open(directory)]) {
    expect(numbers(each)).toEqual([2, 1])
    expect(await each.get(digestOf(1))).toEqual({ ok: true, bytes: bytesOf(1) })
  }
})

test('a file that was changed, cut, replaced or removed is not given out', async () => {
  const directory = await place()
  const archive = await open(directory)
  for (const number of [1, 2, 3, 4]) await archive.keep(kept(number), bytesOf(number))
  const file = (number: number): string => join(directory, `${digestOf(number)}.tar.gz`)
  await writeFile(file(1), 'bundle 7')
  await truncate(file(2), 3)
  await rename(file(4), file(3))
  for (const each of [archive, await open(directory)]) {
    for (const number of [1, 2, 3, 4]) expect(await each.get(digestOf(number))).toMatchObject({ ok: false, why: expect.stringMatching(/changed|cannot be read/) })
  }
  await archive.keep(kept(1), bytesOf(1))
  expect(await archive.get(digestOf(1))).toEqual({ ok: true, bytes: bytesOf(1) })
})

test('an index that was changed, or written under another key, is refused with what to do', async () => {
  const directory = await place()
  await (await open(directory)).keep(kept(1), bytesOf(1))
  const index = join(directory, 'index.json')
  const text = await readFile(index, 'utf8')
  await expect(open(directory, { key: randomBytes(32) })).rejects.toThrow(/another store\.key_from/)
  for (const changed of [text.replace('r1', 'r2'), text.replace(/"mac":"./, '"mac":"g'), text.slice(0, -2), '', '{}', 'null']) {
    await writeFile(index, changed)
    await expect(open(directory)).rejects.toThrow(/was changed/)
  }
  await writeFile(index, text)
  expect(numbers(await open(directory))).toEqual([1])
  await rm(directory, { recursive: true })
  expect(numbers(await open(directory))).toEqual([])
})

test('what a crash leaves behind goes at the next start, and nothing else', async () => {
  const directory = await place()
  await (await open(directory)).keep(kept(1), bytesOf(1))
  for (const name of [`${digestOf(1)}.tar.gz.new`, `${digestOf(2)}.tar.gz`, 'index.json.new', 'notes.txt']) await writeFile(join(directory, name), 'half')
  await open(directory)
  expect(await readdir(directory)).toEqual([`${digestOf(1)}.tar.gz`, 'index.json', 'notes.txt'])
})

test('several at once are kept one after the other', async () => {
  const archive = await open(await place())
  await Promise.all([1, 2, 3, 4].map((number) => archive.keep(kept(number), bytesOf(number))))
  expect(numbers(archive)).toEqual([4, 3, 2, 1])
})
