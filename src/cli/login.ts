import type { Register } from './main.ts'
import { printable } from './output.ts'

interface LoginArguments {
  readonly url?: string
  readonly device?: boolean
  readonly json?: boolean
}

export const registerLogin: Register = (program, { output, env, exit }) => {
  program
    .command('login')
    .description('sign in to a gateway, for the commands that talk to it')
    .option('--url <url>', 'its address (default: $SALLYPORT_URL)')
    .option('--device', 'by a code that is typed in on another machine')
    .option('--json', 'print an object')
    .action(async ({ url, device = false, json = false }: LoginArguments) => {
      const { apiOf, openSignIns } = await import('./session/sign-ins.ts')
      const signIns = openSignIns(env)
      const found = await signIns.gateway(url ?? env['SALLYPORT_URL'])
      const ended = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ended.abort())
      const tell = (text: string) => output.note(printable(text))
      const done = found.ok ? await signIns.signIn({ gateway: found.gateway, resource: apiOf(found.gateway), isByDevice: device, tell, signal: ended.signal }) : found
      if (!found.ok || !done.ok) {
        output.note(printable(`sallyport login: ${done.ok ? '' : done.message}`))
        return exit(done.ok ? 0 : done.exit)
      }
      if (json) output.json({ gateway: found.gateway, resource: apiOf(found.gateway), kept_in: done.keptIn })
      else output.line(printable(`signed in to ${found.gateway}; the tokens are in ${done.keptIn}`))
    })
}
