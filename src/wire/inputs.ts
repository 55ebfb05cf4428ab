import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { own } from './envelope.ts'
import { knownNames, lookAlike } from './fold.ts'

const requestNames = knownNames(['method', 'params'])

/** What is wrong with the requests in a result: one that is not told by its method would be judged as nothing. */
export function inputRequestsFault(result: JsonObject): string | undefined {
  const requests = own(result, 'inputRequests')
  if (requests === undefined) return stateFault('result', result)
  if (!isObject(requests)) return 'expected result.inputRequests to be an object'
  for (const request of Object.values(requests)) {
    const params = isObject(request) ? own(request, 'params') : undefined
    if (!isObject(request) || typeof request['method'] !== 'string' || lookAlike(request, requestNames) !== undefined) {
      return 'expected every entry of result.inputRequests to have a method, a string'
    }
    if (params !== undefined && !isObject(params)) return 'expected params in every entry of result.inputRequests to be an object'
  }
  return stateFault('result', result)
}

/** What is wrong with the replies in `params`. */
export function inputResponsesFault(params: JsonObject): string | undefined {
  const responses = own(params, 'inputResponses')
  if (responses !== undefined && (!isObject(responses) || !Object.values(responses).every((response: Json) => isObject(response)))) {
    return 'expected params.inputResponses to be an object of objects'
  }
  return stateFault('params', params)
}

function stateFault(where: string, body: JsonObject): string | undefined {
  const state = own(body, 'requestState')
  return state === undefined || typeof state === 'string' ? undefined : `expected ${where}.requestState to be a string`
}
