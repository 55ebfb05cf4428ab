// Tries to break every promise, and counts how often it could; --help tells how.
import { parseArgs } from 'node:util'
import { createTally, type Campaign, type Size } from './faults/campaign.ts'
import { campaigns } from './faults/index.ts'
import { missing } from './faults/needs.ts'

type Told =
  | { readonly title: string; readonly status: 'passed' | 'failed'; readonly checked: number; readonly violations: number; readonly details: readonly string[] }
  | { readonly title: string; readonly status: 'skipped'; readonly violations: null; readonly why: string }

const counted = ({ size: { messages, rounds } }: Campaign): string =>
  [messages === undefined ? [] : `${messages.toLocaleString('en')} messages`, rounds === undefined ? [] : `${rounds} rounds`].flat().join(', ') || 'once'

const help = (): string => `Tries to break every promise, and counts how often it could.

  npm run test:faults -- [--only P1,P6] [--rounds N] [--messages N] [--json]

  --only      these campaigns, in the order below, and no others
  --rounds    how many rounds, where one is counted in rounds; all of them at full size take many hours
  --messages  how many messages, where one is counted in messages
  --json      one JSON object: {promises: {P1: {title, status, checked, violations, details}, …}, violations, skipped}

Progress and violations go to stderr as they come. Exit 0: no violation; 1: a violation, or a campaign that could not be
carried to its end; 2: wrong use. What this machine has no means for is skipped and told as such, never as passed.

${Object.entries(campaigns).map(([promise, campaign]) => {
  const lacking = missing(campaign.needs)
  return `${promise.padEnd(11)} ${campaign.title}\n${' '.repeat(12)}${counted(campaign)}${campaign.needs.length === 0 ? '' : `; needs ${campaign.needs.join(', ')}`}${lacking.length === 0 ? '' : `; THIS MACHINE HAS NO ${lacking.join(', NO ')}`}`
}).join('\n')}
`

function wrong(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function readArgs() {
  try {
    return parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string' }, messages: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } }).values
  } catch (error) {
    return wrong(`${(error as Error).message}; --help tells what there is`)
  }
}

const args = readArgs()
if (args.help) {
  process.stdout.write(help())
  process.exit(0)
}
const only = args.only?.split(',')
const unknown = only?.filter((promise) => !Object.hasOwn(campaigns, promise)) ?? []
if (unknown.length > 0) wrong(`there is no campaign ${unknown.join(', ')}; there are ${Object.keys(campaigns).join(', ')}`)
const wanted = Object.entries(campaigns).filter(([promise]) => only === undefined || only.includes(promise))

/** As much as is asked for; what none of the wanted is counted in is asked for in error. */
function askedFor(name: keyof Size): Partial<Size> {
  const text = args[name]
  if (text === undefined) return {}
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count <= 0) wrong(`--${name} wants a whole number above 0`)
  if (!wanted.some(([, { size }]) => size[name] !== undefined)) wrong(`none of ${wanted.map(([promise]) => promise).join(', ')} is counted in ${name}`)
  return { [name]: count }
}
const asked = { ...askedFor('rounds'), ...askedFor('messages') }

async function tell({ title, needs, size, run }: Campaign, say: (text: string) => void): Promise<Told> {
  const lacking = missing(needs)
  if (lacking.length > 0) return { title, status: 'skipped', violations: null, why: `this machine has no ${lacking.join(', no ')}` }
  const tally = createTally(say)
  await run({ rounds: 0, messages: 0, ...size, ...asked, tally, say }).catch((error: unknown) => tally.violation(`it could not be carried to its end: ${String((error as Error).stack ?? error)}`))
  if (tally.report().checked === 0) tally.violation('nothing was looked at')
  const report = tally.report()
  return { title, status: report.violations === 0 ? 'passed' : 'failed', ...report }
}

// Whoever ends it early finds nothing of it left: what was begun is undone as the process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const promises: Record<string, Told> = {}
for (const [promise, campaign] of wanted) {
  const say = (text: string) => void process.stderr.write(`${promise} ${text}\n`)
  say(campaign.title)
  const told = await tell(campaign, say)
  promises[promise] = told
  if (told.status === 'skipped') say(`SKIPPED, NOT PROVED: ${told.why}`)
  else {
    for (const detail of told.details) say(`  ${detail}`)
    say(`${told.status}: ${told.violations} violations in ${told.checked}`)
  }
}
const all = Object.values(promises)
const violations = all.reduce((sum, told) => sum + (told.violations ?? 0), 0)
const skipped = all.filter(({ status }) => status === 'skipped').length
process.stdout.write(args.json ? `${JSON.stringify({ promises, violations, skipped })}\n` : `${violations} violations${skipped === 0 ? '' : `, ${skipped} SKIPPED`}\n`)
process.exit(violations === 0 ? 0 : 1)
