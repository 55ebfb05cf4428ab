import { parseArgs } from 'node:util'
import { heldExport, maskedAnswer, refusedDrop, replayed, toolsPerPerson } from './tour/steps.ts'
import { ClaimFailed, createTeller } from './tour/tell.ts'
import { connect, openWorld } from './tour/world.ts'

const usage = `usage: npm run tour -- [--auto] [--fast]
  --auto  answer in the reviewer's place
  --fast  do not pause for reading
It tells the story at the demo that was started in this directory, wherever that listens, else at one of its own.
`
const readOptions = () => {
  try {
    return parseArgs({ options: { auto: { type: 'boolean', default: false }, fast: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } })
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
}

const { values } = readOptions()
if (values.help) {
  process.stdout.write(usage)
  process.exit()
}
const isTerminal = process.stdout.isTTY === true
const tell = createTeller({ paced: isTerminal && !values.fast })

const world = await openWorld()
try {
  await tell.say(`Sallyport stands in front of a small CRM, at ${world.url}${world.found ? ' (the demo that is running)' : ' (a demo of its own, for as long as the tour lasts)'}.`)
  await toolsPerPerson(world.url, tell)
  const since = new Date().toISOString()
  const sam = await connect(world.url, 'support')
  try {
    await maskedAnswer(sam, tell)
    await refusedDrop(sam, tell)
    await heldExport(world.url, sam, tell, values.auto || !isTerminal || process.stdin.isTTY !== true)
  } finally {
    await sam.close()
  }
  await replayed(world.url, since, tell)
  await tell.say('\n   That is the whole story. Change a rule in rego/policies while `npm start` runs and ask again; docs/getting-started.md goes on from here.')
} catch (error) {
  const why = error instanceof ClaimFailed ? `this does not hold: ${error.message}` : error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`\nthe tour ends here: ${why}\n`)
  process.exitCode = 1
} finally {
  await world.close()
}
