import type { Register } from './main.ts'
import { exitCode, printable } from './output.ts'

export const registerLogout: Register = (program, { output, env, exit }) => {
  program
    .command('logout')
    .description('give back the tokens of a gateway and erase them')
    .option('--url <url>', 'its address (default: $SALLYPORT_URL, or the one that is signed in to)')
    .option('--json', 'print an object')
    .action(async ({ url, json = false }: { readonly url?: string; readonly json?: boolean }) => {
      const { openSignIns } = await import('./session/sign-ins.ts')
      const signIns = openSignIns(env)
      const found = await signIns.gateway(url ?? env['SALLYPORT_URL'])
      if (!found.ok) {
        output.note(printable(`sallyport logout: ${found.message}`))
        return exit(found.exit)
      }
      const { gateway } = found
      const { ended, untold } = await signIns.signOut(gateway)
      if (json) output.json({ gateway, ended, untold })
      else output.line(printable(ended.length === 0 ? `nobody was signed in to ${gateway}` : `signed out of ${gateway}`))
      if (untold.length === 0) return
      output.note(printable(`sallyport logout: the tokens are erased here, but the gateway could not be told of ${untold.join(' and ')}; there they end by themselves`))
      exit(exitCode.failed)
    })
}
