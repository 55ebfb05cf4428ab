import type { Register } from './main.ts'
import { exitCode } from './output.ts'
import { load, showProblems } from './settings-file.ts'

export const registerStart: Register = (program, { output, env, exit }) => {
  program
    .command('start')
    .description('run the gateway')
    .option('--config <file>', 'the configuration (default: $SALLYPORT_CONFIG or ./sallyport.yaml)')
    .option('--json', 'print one line of JSON when it listens, or the problems')
    .action(async (given: { readonly config?: string; readonly json?: boolean }) => {
      const { file, loaded } = await load(given.config, env)
      if (!loaded.ok) {
        if (given.json === true) output.json({ ok: false, file, problems: loaded.problems })
        else showProblems(file, loaded.problems, output)
        return exit(exitCode.failed)
      }
      const { settings, secrets, warnings } = loaded
      const [{ openGateway }, { createLogger }, { runUntilSignal }] = await Promise.all([import('../open.ts'), import('../logging.ts'), import('../main.ts')])
      const logger = createLogger({ level: settings.logging.level }, text => text)
      for (const warning of warnings) logger.warn(warning)
      const gateway = await openGateway({ settings, secrets })
      await runUntilSignal(gateway, url => output.line(given.json === true ? JSON.stringify({ ok: true, url, public_url: settings.public_url }) : `sallyport listens at ${url}`), logger)
    })
}
