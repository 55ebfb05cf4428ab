import { messageOf } from '../errors.ts'
import type { Register } from './main.ts'
import { exitCode } from './output.ts'

interface DemoArguments {
  readonly port: string
  readonly host: string
  readonly dir: string
  readonly rules?: string
  readonly json?: boolean
}

const readPort = (text: string): number | undefined => (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535 ? Number(text) : undefined)

/** Resolves at the first of the signals by which a person or a supervisor ends a program. */
const ended = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })

export const registerDemo: Register = (program, { output, exit }) => {
  program
    .command('demo')
    .description('run the gateway with demo servers, people and policies, on loopback only')
    .option('--port <port>', 'where to listen', '8080')
    .option('--host <address>', 'a loopback address', '127.0.0.1')
    .option('--dir <directory>', 'where the demo keeps its files', '.sallyport')
    .option('--rules <file>', "YAML rules beside the demo's policies")
    .option('--json', 'print one line of JSON when it listens')
    .action(async (given: DemoArguments) => {
      const port = readPort(given.port)
      if (port === undefined) {
        output.note(`sallyport demo: ${given.port} is not a port from 1 to 65535`)
        return exit(exitCode.misuse)
      }
      const stop = ended()
      const { runDemo, DemoRefused } = await import('../demo/demo.ts')
      try {
        if (process.stderr.isTTY === true) output.note('compiling the policies and starting the demo; this takes some seconds')
        const demo = await Promise.race([runDemo({ port, host: given.host, directory: given.dir, rules: given.rules }), stop])
        if (demo === undefined) {
          output.note('sallyport demo: ended before it listened')
          process.exit(exitCode.failed) // nobody waits for what is half started; nothing of it outlives the process
        }
        if (given.json === true) output.line(JSON.stringify({ demo: true, url: demo.url, log: demo.log }))
        else output.line((await import('../demo/banner.ts')).demoBanner(demo, process.stdout.isTTY === true))
        await stop
        if (given.json !== true) output.note('\nending the demo')
        await demo.close()
      } catch (error) {
        if (!(error instanceof DemoRefused)) throw error
        output.note(`sallyport demo: ${error.message}`)
        exit(exitCode.failed)
      }
    })
}

export const registerToken: Register = (program, { output, exit }) => {
  program
    .command('token')
    .description('print a token for one of the people of the demo')
    .argument('<persona>', 'support, reviewer, auditor or ci')
    .option('--audience <audience>', 'mcp/<upstream> or api (default: api for reviewer and auditor, else mcp/crm)')
    .option('--dir <directory>', 'where the demo keeps its files', '.sallyport')
    .option('--json', 'print an object')
    .action(async (name: string, given: { readonly audience?: string; readonly dir: string; readonly json?: boolean }) => {
      const refuse = (code: number, message: string) => {
        output.note(`sallyport token: ${message}`)
        exit(code)
      }
      const { askToken, findPersona, isAudience, usualAudience } = await import('../demo/token.ts')
      const persona = findPersona(name)
      if (persona === undefined) return refuse(exitCode.misuse, `${name} is nobody in the demo; there are support, reviewer, auditor and ci`)
      const audience = given.audience ?? usualAudience(persona)
      if (!isAudience(audience)) return refuse(exitCode.misuse, `${audience} is not an audience: api, or mcp/ and the name of a server`)
      const state = await (await import('../demo/state.ts')).readState(given.dir)
      if (state === undefined) return refuse(exitCode.failed, `no demo runs in ${given.dir}: start one with \`npm start\`, and run this in the same directory`)
      try {
        const token = await askToken(state, persona, audience)
        if (given.json === true) output.json({ persona: name, audience: `${state.url}/${audience === 'api' ? 'api/v1' : audience}`, token })
        else output.line(token)
      } catch (error) {
        refuse(exitCode.failed, `the demo at ${state.url} does not answer (${messageOf(error)}); is it still running?`)
      }
    })
}
