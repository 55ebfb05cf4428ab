import type { Register } from './main.ts'
import { exitCode } from './output.ts'
import { load, showProblems } from './settings-file.ts'

export const registerValidate: Register = (program, { output, env, exit }) => {
  program
    .command('validate')
    .description('check the configuration and stop')
    .option('--config <file>', 'the configuration (default: $SALLYPORT_CONFIG or ./sallyport.yaml)')
    .option('--json', 'print JSON')
    .action(async (given: { readonly config?: string; readonly json?: boolean }) => {
      const { file, loaded } = await load(given.config, env)
      if (given.json === true) output.json(loaded.ok ? { ok: true, file, warnings: loaded.warnings, settings: loaded.settings } : { ok: false, file, problems: loaded.problems })
      else if (loaded.ok) {
        for (const warning of loaded.warnings) output.note(`warning: ${warning}`)
        output.line(`${file} is fine`)
      } else showProblems(file, loaded.problems, output)
      if (!loaded.ok) exit(exitCode.no)
    })
}
