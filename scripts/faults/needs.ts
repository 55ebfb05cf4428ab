import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Need } from './campaign.ts'

const runs = (program: string, ...args: readonly string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const present: Readonly<Record<Need, () => boolean>> = {
  linux: () => process.platform === 'linux',
  root: () => process.getuid?.() === 0,
  'loop devices': () => existsSync('/dev/loop-control') && runs('losetup', '-f'),
  strace: () => runs('strace', '-o', '/dev/null', 'true'),
  perl: () => runs('perl', '-e', '1'),
  chattr: () => runs('sh', '-c', 'command -v chattr'),
}

/** What of it this machine has not. */
export const missing = (needs: readonly Need[]): readonly Need[] => needs.filter((need) => !present[need]())
