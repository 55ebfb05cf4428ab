import type { BundleDigest, Clock } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import type { BuildOptions } from '../build.ts'
import { problemText } from '../problem.ts'
import type { Sources } from '../source/sources.ts'
import type { Kept } from '../trust/archive.ts'
import type { Custody, Place } from '../trust/custody.ts'
import type { Signer } from '../trust/signer.ts'
import { createGoingBack } from './going-back.ts'
import type { Done, Wish } from './going-back.ts'
import type { Progress } from './run.ts'

/** What judges. `activate` loads beside, warms up, and swaps atomically; or it throws and changes nothing. */
export interface Activator {
  activate(bundle: BuiltBundle): Promise<unknown>
}
export interface ActiveBundle {
  readonly digest: BundleDigest
  readonly revision: string
  readonly commit?: string
  /** Where it stands among what its maker made. */
  readonly order?: number
  /** RFC 3339. */
  readonly activated_at: string
}

export interface SwitchingOptions {
  readonly engine: Activator
  readonly clock: Clock
  /** For what is built again. */
  readonly build: BuildOptions
  /** Left out, nothing is kept and nothing has an order. */
  readonly custody?: Custody | undefined
  /** Left out, what is handed on is not signed. */
  readonly signer?: Signer | undefined
  /** Told when another bundle has become active, by a run or by going back. */
  readonly onActive?: (() => void) | undefined
}
/** What is active, and the ways for that to change. */
export interface Switching {
  active(): ActiveBundle | undefined
  /** Changes whenever somebody decides what is active. */
  decisions(): number
  /** False where somebody else decided since `after`: the order is to be asked again. */
  activate(progress: Progress, sources: Sources, bundle: BuiltBundle, place: Place, after: number): Promise<boolean>
  /** What was active last becomes so again, where nothing is. */
  restore(progress: Progress): Promise<Kept | undefined>
  rollback(digest: string, wish: Wish): Promise<Done>
  release(wish: Wish): Promise<Done>
  settled(): Promise<unknown>
}

const noneKept: Done = { ok: false, code: 'unknown_bundle', message: 'no bundle is kept' }

export const createSwitching = ({ engine, clock, build, custody, signer, onActive }: SwitchingOptions): Switching => {
  let active: ActiveBundle | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let turns = 0
  /**
   * Only one thing at a time decides what is active. Whatever waits for somebody else (a source, the compiler, tests) stays outside, so that
   * whoever goes back never waits for a run.
   */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(() => {
      turns += 1
      return work()
    })
    turn = done.catch(() => undefined)
    return done
  }

  const activate = async (sources: Sources, bundle: BuiltBundle, place: Place): Promise<void> => {
    const isNew = active?.digest !== bundle.digest
    const signed = await signer?.sign(sources, bundle)
    if (signed?.ok === false) throw new Error(signed.problems.map(problemText).join('\n'))
    await custody?.keep(bundle, sources, place)
    try {
      if (isNew) await engine.activate(bundle)
    } catch (fault) {
      await custody?.takeBack()
      throw fault
    }
    signed?.handOn()
    const { digest, revision, commit } = bundle
    const activated_at = active === undefined || isNew ? new Date(clock()).toISOString() : active.activated_at
    active = { digest, revision, ...(commit === undefined ? {} : { commit }), ...(place.order === undefined ? {} : { order: place.order }), activated_at }
    if (isNew) onActive?.()
  }
  const goingBack = custody === undefined ? undefined : createGoingBack({ custody, build, activate })

  return {
    active: () => active,
    decisions: () => turns,
    activate: (progress, sources, bundle, place, after) =>
      inTurn(async () => {
        if (turns !== after + 1) return false
        await progress.stage('activate', () => activate(sources, bundle, place))
        await custody?.settle()
        return true
      }),
    restore: (progress) => inTurn(async () => (active === undefined ? goingBack?.restore(progress) : undefined)),
    rollback: (digest, wish) => inTurn(async () => goingBack?.rollback(digest, wish) ?? noneKept),
    release: (wish) => inTurn(async () => goingBack?.release(wish) ?? noneKept),
    settled: () => turn,
  }
}
