import { isObject, parseExactJson } from '../../exact-json.ts'
import type { Json } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { opaSources } from '../build.ts'
import type { BuildOptions } from '../build.ts'
import type { OpaAnswer, OpaTrace } from '../opa.ts'
import type { Sources } from '../source/sources.ts'

/** How OPA's own evaluator comes to its decision about an input: what each rule of the policies says, and which lines take part. */
export const traceDecision = async (sources: Sources, bundle: BuiltBundle, input: string, options: BuildOptions): Promise<OpaAnswer<OpaTrace>> => {
  const read = parseExactJson(input)
  const question = isObject(read) ? { entries: [], findings: [], ...read } : (read as Json)
  return options.opa.trace({ ...opaSources(sources, options), data: bundle.data, query: 'data.sallyport.decision', input: question })
}
