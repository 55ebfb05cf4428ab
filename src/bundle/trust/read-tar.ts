// Reads tar archives so strictly that whoever else reads the same bytes finds the same files: only regular files and folders, in
// the forms that Go's archive/tar, GNU tar and bsdtar write. Everything else is refused, not skipped. Nothing is written anywhere.
import { createNames, readName } from './archive-names.ts'
import { block } from './tar.ts'

export type Archive = { readonly ok: true; readonly files: ReadonlyMap<string, Buffer> } | { readonly ok: false; readonly file?: string; readonly why: string }

class Refused extends Error {
  readonly file: string | undefined
  constructor(why: string, file?: string) {
    super(why)
    this.file = file
  }
}

const mostEntries = 20_000
const largestNote = 64 * 1024
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const decode = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Refused('it has a name that is not UTF-8')
  }
}
const field = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return decode(bytes.subarray(0, end < 0 ? bytes.length : end))
}
const isEmpty = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

/** Octal digits with blanks or NULs around them. GNU's binary form is for files larger than any bundle. */
const octal = (bytes: Buffer): number => {
  const [, digits] = /^ *([0-7]+)[ \0]*$/.exec(bytes.toString('latin1')) ?? []
  if (digits === undefined) throw new Refused('it is not a tar archive, or damaged')
  return Number.parseInt(digits, 8)
}

interface Head {
  readonly type: string
  readonly name: string
  readonly size: number
}
const readHead = (head: Buffer): Head => {
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  const magic = head.subarray(257, 265).toString('latin1')
  if (octal(head.subarray(148, 156)) !== sum || !['ustar\x0000', 'ustar  \0'].includes(magic)) throw new Refused('it is not a tar archive, or damaged')
  // Where GNU's form keeps times, POSIX's has the beginning of a long name.
  const prefix = magic.startsWith('ustar\0') ? field(head.subarray(345, 500)) : ''
  const name = field(head.subarray(0, 100))
  return { type: String.fromCharCode(head[156] ?? 0), name: prefix === '' ? name : `${prefix}/${name}`, size: octal(head.subarray(124, 136)) }
}

/** What pax says about a file and changes nothing of it. */
const harmless = /^(?:atime|comment|ctime|gid|gname|mtime|uid|uname|(?:LIBARCHIVE|SCHILY)\..+)$/

/** The name that a pax header gives. `size`, links, other charsets and sparse files are what readers differ about. */
const readNotes = (body: Buffer): string | undefined => {
  let name: string | undefined
  for (let at = 0; at < body.length; ) {
    const [, digits] = /^([1-9][0-9]{0,5}) /.exec(body.subarray(at, at + 7).toString('latin1')) ?? []
    const end = at + Number(digits ?? body.length + 1)
    const [, key, value] = end <= body.length ? (/^[0-9]+ ([^=]+)=([^]*)\n$/.exec(decode(body.subarray(at, end))) ?? []) : []
    if (key === undefined || value === undefined) throw new Refused('it has a pax header that cannot be read')
    if (key === 'path' && name === undefined && value !== '') name = value
    else if (!harmless.test(key)) throw new Refused(`it has a pax header with ${key === 'path' ? 'an odd path' : key}, which no bundle needs`)
    at = end
  }
  return name
}

const kinds: Readonly<Record<string, string>> = { 1: 'a hard link', 2: 'a symbolic link', 3: 'a device', 4: 'a device', 6: 'a pipe', S: 'a sparse file', K: 'a link with a long target' }

const readEntries = (archive: Buffer): Map<string, Buffer> => {
  const files = new Map<string, Buffer>()
  const clashOf = createNames()
  let named: string | undefined
  let entries = 0
  const give = (name: string): void => {
    if (named !== undefined) throw new Refused('it gives one file two names')
    named = name
  }
  for (let at = 0; ; ) {
    const head = archive.subarray(at, at + block)
    if (head.length < block) throw new Refused('it ends too early')
    if (isEmpty(head)) {
      const rest = archive.subarray(at)
      if (rest.length < 2 * block || named !== undefined) throw new Refused('it ends too early')
      if (!isEmpty(rest)) throw new Refused('something follows its end')
      return files
    }
    const { type, name: short, size } = readHead(head)
    const end = at + block + Math.ceil(size / block) * block
    if (end > archive.length) throw new Refused('it ends too early', short)
    if ((entries += 1) > mostEntries) throw new Refused(`it has more than ${mostEntries} entries`)
    const body = archive.subarray(at + block, at + block + size)
    at = end
    if ('xgL'.includes(type) && size > largestNote) throw new Refused('it has a header that is too large')
    if (type === 'x') {
      const long = readNotes(body)
      if (long !== undefined) give(long)
    } else if (type === 'g') {
      if (readNotes(body) !== undefined) throw new Refused('it gives all files one name')
    } else if (type === 'L') give(field(body))
    else {
      const written = named ?? short
      named = undefined
      if (type === '5') {
        if (size > 0) throw new Refused('it is a folder with content', written)
        if (/^\.?\/?$/.test(written)) continue
      } else if (type !== '0' && type !== '\0') throw new Refused(`it is ${kinds[type] ?? 'of an unknown kind'}, and a bundle has only files`, written)
      const read = readName(type === '5' ? written.replace(/\/$/, '') : written)
      if (!read.ok) throw new Refused(`it ${read.why}`, written)
      if (type === '5') continue
      const clash = clashOf(read.name)
      if (clash !== undefined) throw new Refused(`it ${clash}`, written)
      files.set(read.name, body)
    }
  }
}

/** The files by name without a leading `/` or `./`, or what is wrong with the archive or one file of it. */
export const readTar = (archive: Buffer): Archive => {
  try {
    return { ok: true, files: readEntries(archive) }
  } catch (fault) {
    if (!(fault instanceof Refused)) throw fault
    return { ok: false, why: fault.message, ...(fault.file === undefined ? {} : { file: fault.file }) }
  }
}
