import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Campaign } from './campaign.ts'
import { fateOf } from './caller.ts'
import { trace } from './strace.ts'
import { createWorld } from './world.ts'

const inParallel = 8

/** What the kernel saw, in its order: which calls and answers were written to the store's log, which to a socket, and when the disk had said yes. */
export function readTrace(text: string) {
  const logged = new Map<string, number>()
  const sent = new Map<string, number>()
  const syncs: { readonly began: number; readonly ended: number }[] = []
  const waiting = new Map<string, number>()
  text.split('\n').forEach((line, at) => {
    const [, task = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (/^f(?:data)?sync\(\d+<[^>]*-wal> <unfinished/.test(rest)) waiting.set(task, at)
    else if (/^f(?:data)?sync\(\d+<[^>]*-wal>\)\s+= 0/.test(rest)) syncs.push({ began: at, ended: at })
    else if (/^<\.\.\. f(?:data)?sync resumed>.*= 0/.test(rest)) {
      const began = waiting.get(task)
      if (began !== undefined) syncs.push({ began, ended: at })
      waiting.delete(task)
    } else {
      const seen = /^pwrite64\(\d+<[^>]*-wal>/.test(rest) ? logged : /^(?:write|writev|sendto|sendmsg)\(\d+<(?:TCP|socket)/.test(rest) ? sent : undefined
      for (const [text] of seen === undefined ? [] : rest.matchAll(/\\"nonce\\":\\"\w+|did \w+\./g)) if (!seen?.has(text)) seen?.set(text, at)
    }
  })
  const isOrdered = (text: string): boolean => {
    const [log, socket] = [logged.get(text), sent.get(text)]
    return log !== undefined && socket !== undefined && syncs.some(({ began, ended }) => log < began && ended < socket)
  }
  return {
    /** True where it was written to the log, then the disk said yes, then it was written to a socket. */
    isCallOrdered: (nonce: string) => isOrdered(`\\"nonce\\":\\"${nonce}`),
    isAnswerOrdered: (nonce: string) => isOrdered(`did ${nonce}.`),
  }
}

export const order: Campaign = {
  title: 'the disk has the record before the server gets a byte of the call, and before the client gets a byte of the answer',
  needs: ['linux', 'strace'],
  size: { messages: 1_000 },
  async run({ messages, tally, say }) {
    const world = await createWorld()
    try {
      const { pid } = await world.start()
      const caller = await world.caller('r')
      await caller.call()
      const output = join(world.files.directory, 'trace')
      const traced = await trace(pid, ['-f', '-y', '-s', '8192', '-e', 'trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg'], output)
      for (let left = messages; left > 0; left -= inParallel) await Promise.all(Array.from({ length: Math.min(left, inParallel) }, () => caller.call()))
      await traced.stop()
      const seen = readTrace(readFileSync(output, 'utf8'))
      for (const call of caller.calls.slice(1)) {
        tally.checked()
        if (fateOf(call) !== 'answered') tally.violation(`${call.nonce}: ${call.status} ${call.body}`)
        if (!seen.isCallOrdered(call.nonce)) tally.violation(`${call.nonce}: sent before the disk had its record`)
        if (!seen.isAnswerOrdered(call.nonce)) tally.violation(`${call.nonce}: told before the disk had its record`)
      }
      say(`${tally.report().checked} calls`)
      caller.close()
    } finally {
      await world.close()
    }
  },
}
