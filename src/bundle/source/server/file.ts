import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createPoll } from '../poll.ts'
import type { Source } from '../source.ts'
import type { Read } from '../sources.ts'

const largest = 64 * 1024 * 1024
const looksEvery = 1000

const refused = (code: string, message: string, remedy: string): Read => ({ ok: false, problems: [{ stage: 'fetch', code, message, remedy }] })

/** Policies from one bundle file. */
export const createFileSource = ({ url, poll, open }: { readonly url: string; readonly poll: number; readonly open: (bytes: Uint8Array) => Promise<Read> }): Source => {
  const path = fileURLToPath(url)
  const look = (): Promise<string> => stat(path).then(({ size, mtimeMs, ino }) => `${size} ${mtimeMs} ${ino}`, (fault: NodeJS.ErrnoException) => String(fault.code))
  let seen: string | undefined
  return {
    async read() {
      seen = await look()
      try {
        const about = await stat(path)
        if (!about.isFile()) return refused('unreadable', `${path} is not a file`, 'see policy.source.url')
        if (about.size > largest) return refused('too_large', `the bundle is larger than ${largest / 1024 / 1024} MiB`, 'build it from less')
        return await open(await readFile(path))
      } catch (fault) {
        return refused('unreadable', `${path} cannot be read: ${(fault as NodeJS.ErrnoException).code ?? 'error'}`, 'see policy.source.url')
      }
    },
    watch: (onChange, onCurrent) =>
      createPoll(Math.min(poll, looksEvery), async () => {
        if ((await look()) === seen) onCurrent?.()
        else onChange()
      }),
  }
}
