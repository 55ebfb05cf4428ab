import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'
import type { Need } from './campaign.ts'

/** A disk of its own: a file system that can be filled, and cut off from its power. */
export interface LoopDisk {
  readonly directory: string
  /** From now on nothing reaches the disk, and what was not yet on it is lost (ext4's `EXT4_IOC_SHUTDOWN`, without flushing its log). */
  cutPower(): void
  /** As after a power cut: the file system is mounted from what the disk has. Whoever had files open there must be gone. */
  remount(): void
  remove(): void
}

export const loopDiskNeeds: readonly Need[] = ['linux', 'root', 'loop devices', 'perl']

const run = (program: string, ...args: readonly string[]) => void execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
const shutdown = 'my $lost = pack("I", 2); sysopen(my $file, $ARGV[0], 0) or die $!; ioctl($file, 0x8004587D, $lost) or die $!'

export function createLoopDisk(megabytes: number): LoopDisk {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-disk-'))
  const removePlace = atExit(() => rmSync(place, { recursive: true, force: true }))
  const image = join(place, 'image')
  const directory = join(place, 'mounted')
  mkdirSync(directory)
  run('truncate', '-s', `${megabytes}M`, image)
  run('mkfs.ext4', '-q', '-m', '0', image)
  const mount = () => run('mount', '-o', 'loop', image, directory)
  mount()
  // Whoever has files open there may still be dying.
  const unmount = atExit(() => run('umount', '--lazy', directory))
  return {
    directory,
    cutPower: () => run('perl', '-e', shutdown, directory),
    remount() {
      run('umount', directory)
      mount()
    },
    remove() {
      unmount()
      removePlace()
    },
  }
}
