import { buildBundle, type BuildOptions } from '../../bundle/build.ts'
import { createJudge, type Judge } from '../../bundle/compare/judge.ts'
import { readNamed, type PlaceOptions } from '../../bundle/compare/place.ts'
import type { Problem } from '../../bundle/problem.ts'
import type { Sources } from '../../bundle/source/sources.ts'
import { messageOf } from '../../errors.ts'

export interface Named {
  /** As a person wrote it. */
  readonly name: string
  readonly sources: Sources
  readonly judge: Judge
}
export type Opened = { readonly ok: true; readonly named: Named } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads, builds and loads what a person names, ready to judge. */
export async function openNamed(name: string, place: PlaceOptions, build: BuildOptions): Promise<Opened> {
  const read = await readNamed(name, place)
  if (!read.ok) return read
  const built = await buildBundle(read.sources, build)
  if (!built.ok) return built
  try {
    return { ok: true, named: { name, sources: read.sources, judge: await createJudge(built.bundle, build.detectors) } }
  } catch (fault) {
    return { ok: false, problems: [{ stage: 'activate', code: 'not_activated', message: messageOf(fault) }] }
  }
}
