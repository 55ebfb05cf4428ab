import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PolicyView } from '../../admin/contract/policy.ts'
import type { RecordedView } from '../../admin/contract/recorded.ts'
import type { Clean } from '../../bundle/compare/decisions.ts'
import { shippedDetectors } from '../../bundle/options.ts'
import type { RecordedEvent } from '../../record/record-store.ts'
import { createApiClient } from '../api.ts'
import type { CommandContext } from '../main.ts'
import { exitCode } from '../output.ts'
import { load, showProblems } from '../settings-file.ts'
import type { ListRecorded } from './recorded.ts'

/** Recorded traffic, from the store of a configuration or from a gateway that runs. */
export interface Traffic {
  readonly list: ListRecorded
  /** The names of all detectors that the gateway runs. */
  readonly detectors: readonly string[]
  /** The file of YAML rules beside the gateway's policies, where it is known. */
  readonly rules?: string | undefined
  /** What is done to texts before they are recorded. */
  readonly clean: Clean
  /** The file of a bundle that was active; undefined where it is not to be had. */
  readonly kept: (digest: string) => Promise<string | undefined>
  close(): Promise<void>
}
export interface TrafficOptions {
  readonly config?: string
  readonly detector?: readonly string[]
}

/** The gateway does not give it. */
class TrafficRefused extends Error {
  readonly exit: number

  constructor(message: string, exit: number) {
    super(message)
    this.exit = exit
  }
}
/** Tells why traffic cannot be had, and ends the command; any other fault is not its business. */
export function tellRefused(fault: unknown, { output, exit }: CommandContext): void {
  if (!(fault instanceof TrafficRefused)) throw fault
  output.note(`sallyport policy: ${fault.message}`)
  exit(fault.exit)
}

/** Undefined where it cannot be had, which is told. */
export async function openTraffic(options: TrafficOptions, context: CommandContext): Promise<Traffic | undefined> {
  const throughApi = options.config === undefined && (context.env['SALLYPORT_URL'] ?? '') !== ''
  return throughApi ? fromGateway(options, context) : fromStore(options, context)
}

async function fromStore({ config, detector = [] }: TrafficOptions, { output, env, exit }: CommandContext): Promise<Traffic | undefined> {
  const { file, loaded } = await load(config, env)
  if (!loaded.ok) {
    showProblems(file, loaded.problems, output)
    if (config === undefined) output.note('the records are those of a configuration (--config FILE), or of a gateway that runs (SALLYPORT_URL and SALLYPORT_TOKEN)')
    return void exit(exitCode.misuse)
  }
  const [{ readers }, { detectorsOf }, { redactText }] = await Promise.all([import('../../store/index.ts'), import('../../core/detectors.ts'), import('../../enforce/redact.ts')])
  const { store, detectors, policy } = loaded.settings
  const finders = detectorsOf(loaded.settings)
  const reader = readers[store.kind](store.path)
  return {
    list: reader.listRecorded,
    detectors: [...shippedDetectors, ...Object.keys(detectors), ...detector],
    rules: policy.rules,
    clean: (text) => redactText(text, finders),
    kept: async (digest) => `${store.path}.bundles/${digest}.tar.gz`,
    close: async () => reader.close(),
  }
}

interface Page {
  readonly items: readonly RecordedView[]
  readonly next_cursor: string | null
}

function fromGateway({ detector = [] }: TrafficOptions, { env }: CommandContext): Traffic {
  const client = createApiClient(env)
  let directory: string | undefined
  /** A gateway gives away the bundle that is active, and no other. */
  const download = async (digest: string): Promise<string | undefined> => {
    const status = await client.get<PolicyView>('policy')
    if (!status.ok || status.body.active?.digest !== digest) return undefined
    const bundle = await client.download('policy/bundle')
    if (!bundle.ok) return undefined
    directory ??= await mkdtemp(join(tmpdir(), 'sallyport-'))
    const path = join(directory, `${digest}.tar.gz`)
    await writeFile(path, bundle.body)
    return path
  }
  return {
    async list({ from, to, cursor, limit }) {
      const answer = await client.get<Page>('policy/recorded', { from: new Date(from).toISOString(), to: new Date(to).toISOString(), cursor, limit })
      if (!answer.ok) throw new TrafficRefused(answer.message, answer.exit)
      const { items, next_cursor } = answer.body
      return { items: items as unknown as readonly RecordedEvent[], next_cursor } // the contract is their shape
    },
    detectors: [...shippedDetectors, ...detector],
    // What the gateway's own detectors find is replaced already; which patterns they have it does not tell.
    clean: (text) => text,
    kept: download,
    async close() {
      if (directory !== undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}
