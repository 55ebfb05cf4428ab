import type { Loaded } from '../config/load.ts'
import { showProblem } from '../config/problem.ts'
import { checkClock, checkIssuers, checkPolicy, checkPort, checkStore, checkUpstreams, checkWorkers } from './doctor-checks.ts'
import { checkProviders } from './doctor-providers.ts'
import { checkStoreVersion } from './doctor-store.ts'
import type { Register } from './main.ts'
import { exitCode, printable } from './output.ts'
import { load } from './settings-file.ts'

/** One thing that was looked at. `remedy` says what to do where it is not well. */
export interface Check {
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed'
  readonly says: string
  readonly remedy?: string
}

const checkConfiguration = (file: string, loaded: Loaded): readonly Check[] =>
  loaded.ok
    ? [{ check: 'configuration', state: 'ok', says: `${file} is fine` }, ...loaded.warnings.map((says): Check => ({ check: 'configuration', state: 'warning', says }))]
    : loaded.problems.map((problem): Check => ({ check: 'configuration', state: 'failed', says: showProblem(file, problem), remedy: 'correct the configuration; docs/configuration.md explains every name' }))

const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const

export const registerDoctor: Register = (program, { output, env, exit }) => {
  program
    .command('doctor')
    .description('check that the gateway could run here, and say what to do if not')
    .option('--config <file>', 'the configuration (default: $SALLYPORT_CONFIG or ./sallyport.yaml)')
    .option('--json', 'print JSON')
    .action(async (given: { readonly config?: string; readonly json?: boolean }) => {
      const { file, loaded } = await load(given.config, env)
      const checks: Check[] = []
      const show = (found: readonly Check[]): void => {
        checks.push(...found)
        if (given.json === true) return
        for (const { check, state, says, remedy } of found) {
          output.line(`${mark[state]}  ${check.padEnd(18)}  ${printable(says)}`)
          if (remedy !== undefined) output.line(`${' '.repeat(29)}→ ${printable(remedy)}`)
        }
      }
      show(checkConfiguration(file, loaded))
      if (loaded.ok) {
        const { settings, secrets } = loaded
        show(await checkStore(settings))
        show(await checkStoreVersion(settings))
        show(await checkPolicy(settings, secrets))
        show(await checkIssuers(settings))
        show(await checkProviders(settings))
        show(await checkUpstreams(settings, secrets, env))
        show(await checkPort('port', settings.listen.host, settings.listen.port))
        if (settings.metrics !== undefined) show(await checkPort('metrics port', settings.metrics.host, settings.metrics.port))
        show(await checkWorkers(settings))
        show(checkClock(Date.now()))
      }
      const isWell = !checks.some(({ state }) => state === 'failed')
      if (given.json === true) output.json({ ok: isWell, checks })
      else output.line(isWell ? 'the gateway can run here' : 'the gateway cannot run here yet')
      if (!isWell) exit(exitCode.no)
    })
}
