import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { inParallel } from '../../test/campaigns/client.ts'
import { createPlace, good, writeConfiguration, type Content } from '../../test/config/configuration.ts'
import { rows, type Row } from '../../test/config/weak-rows.ts'
import { freePort } from '../../test/support/free-port.ts'
import { atExit } from './at-exit.ts'
import type { Campaign } from './campaign.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const patience = 60_000

interface Ended {
  readonly code: number | string
  readonly told: string
  readonly listened: boolean
}

/** Starts a gateway that should not start, and knocks at its door until it has ended. */
async function boot({ content, files, env = {} }: Pick<Row, 'content' | 'files' | 'env'>): Promise<Ended> {
  const directory = await createPlace(files)
  const port = await freePort()
  const own: Content = 'listen' in content || 'public_url' in content || 'metrics' in content ? content : { ...content, listen: { host: '127.0.0.1', port } }
  const config = await writeConfiguration(directory, own)
  const child = spawn(process.execPath, ['--no-warnings', main, 'start', '--config', config, '--json'], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env } })
  const undo = atExit(() => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
  })
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (told += text))
  const late = setTimeout(() => child.kill('SIGKILL'), patience)
  let over = false
  const ended = once(child, 'exit').then(([code, signal]: (number | string)[]) => {
    over = true
    return code ?? signal ?? 'gone'
  })
  const listens = () => /^\{"ok":true,"url"/m.test(told)
  let answered = false
  while (!over && !listens()) {
    answered ||= await answers(port)
    await wait(10)
  }
  child.kill('SIGTERM')
  const code = await ended
  clearTimeout(late)
  undo()
  // Whatever else answers there may have come meanwhile, and is still there.
  return { code, told, listened: listens() || (answered && !(await answers(port))) }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** What is only found once the parts are put together. */
const later: readonly (Pick<Row, 'name' | 'content' | 'says' | 'files'>)[] = [
  { name: 'policies that do not build', content: good(), files: { 'rego/policies.rego': 'package policies.a\n\nallow if {' }, says: /policies\.rego/ },
  { name: 'policies that could not judge', content: good(), files: { 'rego/policies.rego': 'package policies.a\n\nallow := 1\n' }, says: /policies\.rego/ },
  { name: 'a store that is something else', content: good({ store: { kind: 'sqlite', path: 'a.db', key_from: { file: 'store.key' } } }), files: { 'a.db': 'this is no database, and was never meant to be one' }, says: /database|store/ },
]

export const bootMatrix: Campaign = {
  title: 'a gateway with something missing, weak or impossible ends before it listens, and names it',
  needs: [],
  size: {},
  async run({ tally, say }) {
    const control = await boot({ content: good(), files: { 'rego/policies.rego': 'package policies.a\n\nallow if input.actor.kind == "person"\n' } })
    if (!control.listened) tally.violation(`a good configuration does not start, so the campaign proves nothing: ${control.told.slice(0, 500)}`)
    // Pairs too: what one section lacks must not hide what another does.
    const pairs = rows.flatMap((one, at): Row[] => {
      const other = rows[(at * 7 + 3) % rows.length]
      return other === undefined || lacks(one, other) || cures(one, other) || cures(other, one) || Object.keys(one.content).some((key) => JSON.stringify(one.content[key]) !== JSON.stringify(good()[key]) && JSON.stringify(other.content[key]) !== JSON.stringify(good()[key])) ? [] : [joined(one, other)]
    })
    const all = [...rows.map((row) => ({ ...row, paths: [row.path] })), ...pairs.map((row) => ({ ...row, paths: row.path.split('\n') })), ...later.map((row) => ({ ...row, paths: [] }))]
    await inParallel(all.length, Math.min(2, availableParallelism()), async (at) => {
      const row = all[at]
      if (row === undefined) return
      const { code, told, listened } = await boot(row)
      tally.checked()
      if (listened) tally.violation(`${row.name}: it listened`)
      if (code === 0 || typeof code !== 'number') tally.violation(`${row.name}: exit ${code}`)
      for (const path of row.paths) if (!told.includes(JSON.stringify(path))) tally.violation(`${row.name}: ${path} is not named: ${told.slice(0, 300)}`)
      if (row.paths.length < 2 && !row.says.test(told.replaceAll('\\"', '"'))) tally.violation(`${row.name}: told is ${told.slice(0, 300)}`)
    })
    say(`${rows.length} single faults, ${pairs.length} pairs, ${later.length} that are found later`)
  },
}

/** What the one says nothing of, the other does. */
const lacks = (one: Row, other: Row): boolean => Object.keys(good()).some((key) => !(key in one.content) && JSON.stringify(other.content[key]) !== JSON.stringify(good()[key]))

/** The other has people sign in, and that nobody does is what is wrong with the one. */
const cures = (one: Row, other: Row): boolean => one.says.source.includes('identity\\.providers') && JSON.stringify(other.content['identity'] ?? {}).includes('"providers"')

const joined = (one: Row, other: Row): Row => {
  const changed = Object.fromEntries(Object.entries(other.content).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(good()[key])))
  const missing = Object.keys(good()).filter((key) => !(key in other.content))
  const content = Object.fromEntries(Object.entries({ ...one.content, ...changed }).filter(([key]) => !missing.includes(key)))
  return { name: `${one.name}, and ${other.name}`, content, path: `${one.path}\n${other.path}`, says: one.says, files: { ...one.files, ...other.files }, env: { ...one.env, ...other.env } }
}
