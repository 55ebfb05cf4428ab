import { messageOf } from '../../errors.ts'
import type { Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { buildBundle, type BuildOptions } from '../build.ts'
import { problemText } from '../problem.ts'
import type { Source } from '../source/source.ts'

export interface ShadowRunner {
  /** Why the newest sources are not the second bundle; undefined while they are, or nothing was read yet. */
  error(): string | undefined
  close(): Promise<void>
}
export interface ShadowRunnerOptions {
  readonly source: Source
  readonly build: BuildOptions
  readonly activate: (bundle: BuiltBundle) => Promise<void>
  readonly logger: Logger
}

/** Keeps a second bundle up to date with its source. Nothing waits for it, and nothing of it judges. */
export function runShadow({ source, build, activate, logger }: ShadowRunnerOptions): ShadowRunner {
  let error: string | undefined
  let running: Promise<void> = Promise.resolve()
  let closed = false
  let wanted = false

  const attempt = async (): Promise<string | undefined> => {
    const read = await source.read()
    if (!read.ok) return read.problems.map(problemText).join('\n')
    const built = await buildBundle(read.sources, build)
    if (!built.ok) return built.problems.map(problemText).join('\n')
    await activate(built.bundle)
    logger.info('a second bundle is judged without effect', { bundle: built.bundle.digest, revision: built.bundle.revision })
    return undefined
  }
  const run = (): void => {
    // Whatever was saved meanwhile is read by the run that waits.
    if (wanted || closed) return
    wanted = true
    running = running.then(async () => {
      wanted = false
      if (closed) return
      error = await attempt().catch((fault: unknown) => messageOf(fault))
      if (error !== undefined && !closed) logger.warn('the second bundle is not what its source says', { why: error })
    })
  }
  const watching = source.watch?.(run)
  run()
  return {
    error: () => error,
    async close() {
      closed = true
      watching?.close()
      // What is being fetched is given up.
      await Promise.all([running, source.close?.()])
    },
  }
}
