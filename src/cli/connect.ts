import { once } from 'node:events'
import { messageOf } from '../errors.ts'
import type { CommandContext, Register } from './main.ts'
import { exitCode, printable } from './output.ts'
import { isBearerToken } from './session/places.ts'

/** Whoever closes our stdin waits a moment before it ends us by force. */
const endWithin = 1_000

export const registerConnect: Register = (program, context) => {
  program
    .command('connect')
    .description('be an MCP server over stdio: the one of that name behind a gateway')
    .argument('<upstream>', 'the name of the server at the gateway')
    .option('--url <url>', 'the address of the gateway (default: $SALLYPORT_URL, or the one that is signed in to)')
    .action((upstream: string, { url }: { readonly url?: string }) => connect(upstream, url, context))
}

async function connect(upstream: string, url: string | undefined, context: CommandContext): Promise<void> {
  const { output, env, exit } = context
  const refuse = (code: number, message: string) => {
    output.note(printable(`sallyport connect: ${message}`))
    exit(code)
  }
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(upstream)) return refuse(exitCode.misuse, `${upstream} is not the name of a server: what follows /mcp/ in its address, lower-case letters, digits, - and _`)
  const token = env['SALLYPORT_TOKEN'] ?? ''
  if (token !== '' && !isBearerToken(token)) return refuse(exitCode.misuse, 'SALLYPORT_TOKEN is not a bearer token: letters, digits and . _ ~ + / - only')
  const [{ openSignIns, serverOf }, { createBearer }, { createDoor }, { createBridge }, { readLines }, { createHidden }, { largestMessage }] =
    await Promise.all([import('./session/sign-ins.ts'), import('./bridge/bearer.ts'), import('./bridge/door.ts'), import('./bridge/bridge.ts'), import('./bridge/lines.ts'), import('./bridge/hidden.ts'), import('./bridge/session.ts')])
  const signIns = openSignIns(env)
  const found = await signIns.gateway(url ?? env['SALLYPORT_URL'])
  if (!found.ok) return refuse(found.exit, found.message)
  const resource = serverOf(found.gateway, upstream)

  const { stdin, stdout } = process
  let within = endWithin
  const leave = () => {
    within = 0
    stdin.destroy()
  }
  stdout.on('error', leave) // nobody reads any more
  const hidden = createHidden()
  const write = async (line: string): Promise<void> => {
    if (!stdout.write(hidden.hide(line))) await once(stdout, 'drain')
  }
  const tell = (text: string) => output.note(printable(hidden.hide(text)))
  const bearer = createBearer({ signIns, gateway: found.gateway, resource, given: token, tell, hidden })
  const bridge = createBridge({ door: createDoor(resource, bearer), write, note: tell })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, leave)
  try {
    for await (const line of readLines(stdin, largestMessage)) await bridge.hear(line)
  } catch (fault) {
    if (within > 0) refuse(exitCode.failed, messageOf(fault))
  }
  await bridge.end(within)
  process.exit() // a sign-in that nobody will finish would keep it alive
}
