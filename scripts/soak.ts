// Everything at once against one gateway, for a while: nothing may be lost, nothing may leak.
//   npm run test:soak -- [--minutes N] [--streams N] [--json]
// Exit 0: all that has a bar holds; 1: something does not; 2: wrong use.
import { parseArgs } from 'node:util'
import { soak } from './soak/run.ts'
import { printLines } from './soak/verdict.ts'

function wrong(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function readArgs() {
  try {
    return parseArgs({ options: { minutes: { type: 'string', default: '10' }, streams: { type: 'string', default: '500' }, json: { type: 'boolean', default: false } } }).values
  } catch (error) {
    return wrong(String((error as Error).message))
  }
}

const { minutes, streams, json } = readArgs()
if (!(Number(minutes) > 0)) wrong('--minutes wants a number above 0')
if (!Number.isSafeInteger(Number(streams)) || Number(streams) < 0) wrong('--streams wants a whole number')
if (process.platform !== 'linux') {
  process.stderr.write('SKIPPED, NOT PROVED: what a process holds is read from /proc, which only Linux has\n')
  process.exit(1)
}
const lines = await soak({ minutes: Number(minutes), streams: Number(streams), say: (text) => void process.stderr.write(`${text}\n`) })
const ok = lines.every((line) => line.ok)
process.stdout.write(json ? `${JSON.stringify({ minutes: Number(minutes), ok, lines })}\n` : `${printLines(lines)}\n\n${ok ? 'all holds' : 'FAILED'}\n`)
process.exit(ok ? 0 : 1)
