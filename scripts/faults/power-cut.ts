import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign } from './campaign.ts'
import { flows } from './caller.ts'
import { createLoopDisk, loopDiskNeeds } from './loop-disk.ts'
import { reconcile, type Reconciled } from './reconcile.ts'
import { trace, writerThread } from './strace.ts'
import { createWorld } from './world.ts'

const controls = 3

/** The whole gateway on a disk that loses its power under load. `lying` swallows what asks the disk to keep something. */
async function cutUnderLoad(lying: boolean): Promise<Reconciled> {
  const disk = createLoopDisk(64)
  const world = await createWorld({ store: join(disk.directory, 'store', 'sallyport.db') })
  try {
    const { pid } = await world.start()
    const caller = await world.caller('r')
    await caller.call() // the tools are known, and the store has its files
    const lie = lying ? await trace(writerThread(pid), ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:retval=0']) : undefined
    await caller.loadDuring(500, async () => {
      await flows(caller)
      await wait(Math.random() * 2_000)
      disk.cutPower()
      await world.gateway().kill('SIGKILL')
    })
    await lie?.stop()
    caller.close()
    disk.remount()
    await world.start()
    return reconcile({ ...world.journals(caller), powerWasCut: true })
  } finally {
    await world.close()
    disk.remove()
  }
}

export const powerCut: Campaign = {
  title: 'what reached the server or a client is recorded, also when the power is cut',
  needs: [...loopDiskNeeds, 'strace'],
  size: { rounds: 50 },
  async run({ rounds, tally, say }) {
    for (let round = 1; round <= rounds; round += 1) {
      const found = await cutUnderLoad(false)
      tally.checked(found.calls)
      for (const difference of found.differences) tally.violation(difference)
      say(`round ${round} of ${rounds}: ${found.calls} calls, ${found.sent} sent, ${found.answered} answered, ${found.unknown} unknown, ${found.differences.length} differences`)
    }
    for (let control = 1; control <= Math.min(controls, rounds); control += 1) {
      const { differences, sent } = await cutUnderLoad(true)
      say(`control ${control}: on a disk that only says that it keeps things, ${differences.length} differences over ${sent} calls that were sent`)
      if (differences.length === 0) tally.violation('a disk that lies lost nothing: the rig proves nothing')
      else tally.note(`control ${control}: ${differences.length} differences, as there must be`)
    }
  },
}
