import type { Case } from './cases.ts'
import type { LoadOrder, LoadReport } from './load.ts'
import { cpuOf, rssOf, type Running } from './processes.ts'
import { median, quantile, sum } from './statistics.ts'
import { targetNames, type Target, type TargetName } from './targets.ts'

export interface Plan {
  readonly cases: readonly Case[]
  readonly sessions: readonly number[]
  readonly rounds: number
  /** Milliseconds for which each target is made warm with each case before anything is measured. */
  readonly heatUp: { readonly [T in TargetName]: number }
  /** Milliseconds of each cell. */
  readonly warmUp: number
  readonly duration: number
}
/** One cell in one round. */
interface Sample {
  readonly case: string
  readonly sessions: number
  readonly target: TargetName
  readonly round: number
  readonly calls: number
  readonly errors: number
  readonly rps: number
  readonly latencies: readonly number[]
  readonly cpu: number
  readonly upstreamCpu: number
  readonly rss: number
}
export interface Run {
  readonly case: string
  readonly sessions: number
  readonly target: TargetName
  readonly rps: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Of the gateway's processes with all their threads; of the upstream where there is no gateway. */
  readonly cpu_ms_per_call: number
  readonly rss_mb: number
  readonly ratio_to_direct: number
  readonly ratio_to_bare: number
  readonly calls: number
  readonly errors: number
}

export const tell = (load: Running, order: LoadOrder): void => void load.child.send(order)

export const hear = <T extends LoadReport['told']>(load: Running, told: T): Promise<Extract<LoadReport, { told: T }>> =>
  new Promise((resolve, reject) => {
    const ended = () => reject(new Error('the load generator ended'))
    const listen = (report: LoadReport) => {
      if (report.told !== told) return
      load.child.off('message', listen)
      load.child.off('exit', ended)
      resolve(report as Extract<LoadReport, { told: T }>) // just compared
    }
    load.child.on('message', listen)
    load.child.once('exit', ended)
  })

/**
 * All targets one right after another in every cell, in an order that moves on with each: what slows the machine down for a
 * while slows them all down.
 */
export async function measureAll(plan: Plan, targets: readonly Target[], upstream: Running, load: Running, progress: (line: string) => void): Promise<readonly Run[]> {
  for (const one of plan.cases) {
    for (const target of targets) await measureCell({ one, sessions: 16, target, round: 0, plan: { ...plan, warmUp: 0, duration: plan.heatUp[target.name] }, upstream, load })
  }
  progress('every target is warm')
  const samples: Sample[] = []
  let turn = 0
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const one of plan.cases) {
      for (const sessions of plan.sessions) {
        const order = targets.map((_, index) => targets[(index + turn) % targets.length]).filter((target) => target !== undefined)
        turn += 1
        for (const target of order) samples.push(await measureCell({ one, sessions, target, round, plan, upstream, load }))
        const told = samples.slice(-order.length).map(({ target, rps, errors }) => `${target} ${Math.round(rps)}/s${errors > 0 ? ` (${errors} errors)` : ''}`)
        progress(`round ${round + 1}/${plan.rounds}  ${one.name} × ${sessions}: ${told.sort().join(', ')}`)
      }
    }
  }
  return plan.cases.flatMap(({ name }) => plan.sessions.flatMap((sessions) => runsOf(samples.filter((sample) => sample.case === name && sample.sessions === sessions))))
}

interface Cell {
  readonly one: Case
  readonly sessions: number
  readonly target: Target
  readonly round: number
  readonly plan: Plan
  readonly upstream: Running
  readonly load: Running
}

async function measureCell({ one, sessions, target, round, plan, upstream, load }: Cell): Promise<Sample> {
  const measured = target.process ?? upstream
  const begun = hear(load, 'begin')
  const ended = hear(load, 'end')
  tell(load, { do: 'measure', target: target.load, sessions, case: one, warmUp: plan.warmUp, duration: plan.duration })
  await begun
  const before = { cpu: cpuOf(measured.pid), upstream: cpuOf(upstream.pid) }
  const { calls, errors, error, seconds, latencies } = await ended
  const after = { cpu: cpuOf(measured.pid), upstream: cpuOf(upstream.pid) }
  if (errors > 0) throw new Error(`${target.name} answered ${errors} calls of ${one.name} wrongly; the first: ${error}`)
  return {
    case: one.name, sessions, target: target.name, round, calls, errors, latencies,
    rps: calls / seconds, cpu: after.cpu - before.cpu, upstreamCpu: after.upstream - before.upstream, rss: rssOf(measured.pid),
  }
}

function runsOf(cell: readonly Sample[]): readonly Run[] {
  const ratio = (target: TargetName, to: TargetName) =>
    median(cell.filter((sample) => sample.target === target).map(({ round, rps }) => rps / (cell.find((other) => other.target === to && other.round === round)?.rps ?? NaN)))
  return targetNames.filter((target) => cell.some((sample) => sample.target === target)).map((target) => {
    const own = cell.filter((sample) => sample.target === target)
    const latencies = own.flatMap((sample) => sample.latencies)
    const calls = sum(own.map((sample) => sample.calls))
    return {
      case: own[0]?.case ?? '', sessions: own[0]?.sessions ?? 0, target,
      rps: rounded(median(own.map(({ rps }) => rps)), 1),
      p50_ms: rounded(quantile(latencies, 0.5), 3),
      p99_ms: rounded(quantile(latencies, 0.99), 3),
      cpu_ms_per_call: rounded(sum(own.map(({ cpu }) => cpu)) / Math.max(1, calls), 4),
      rss_mb: rounded(Math.max(...own.map(({ rss }) => rss)) / 1e6, 1),
      ratio_to_direct: rounded(ratio(target, 'direct'), 3),
      ratio_to_bare: rounded(ratio(target, 'bare'), 3),
      calls, errors: sum(own.map(({ errors }) => errors)),
    }
  })
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
