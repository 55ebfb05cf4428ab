import { isObject } from '../exact-json.ts'
import type { JsonObject, RequestId } from '../model.ts'
import { own, replace, withSubscriptionId } from './envelope.ts'

/** The lists of a server whose changes are told by `notifications/<list>/list_changed`. */
export type ListName = 'tools' | 'prompts' | 'resources'
const lists: readonly ListName[] = ['tools', 'prompts', 'resources']
const wishes = { tools: 'toolsListChanged', prompts: 'promptsListChanged', resources: 'resourcesListChanged' } as const

/** Why the gateway itself says that a list has changed: what may be seen of it follows the policies. */
const because = { 'sallyport/notice': 'policy_changed' }

const objectIn = (object: JsonObject, name: string): JsonObject => {
  const value = own(object, name)
  return isObject(value) ? value : {}
}

/** The answer to `initialize` with `listChanged` for every list that there is: clients drop news that were not announced. */
export function declaresChanges(envelope: JsonObject): JsonObject {
  const result = objectIn(envelope, 'result')
  const capabilities = objectIn(result, 'capabilities')
  const declared = lists.reduce((all, list) => {
    const before = own(all, list)
    return isObject(before) && before['listChanged'] !== true ? replace(all, list, replace(before, 'listChanged', true)) : all
  }, capabilities)
  return declared === capabilities ? envelope : replace(envelope, 'result', replace(result, 'capabilities', declared))
}

export function changesDeclared(result: JsonObject): readonly ListName[] {
  const capabilities = objectIn(result, 'capabilities')
  return lists.filter((list) => objectIn(capabilities, list)['listChanged'] === true)
}

/** The acknowledgement of a subscription (MCP 2026-07-28 basic/patterns/subscriptions) with all changes of lists that were asked for. */
export function grantsChanges(envelope: JsonObject, asked: JsonObject): JsonObject {
  const params = objectIn(envelope, 'params')
  const granted = objectIn(params, 'notifications')
  const wanted = objectIn(asked, 'notifications')
  const more = lists.map((list) => wishes[list]).filter((wish) => wanted[wish] === true && granted[wish] !== true)
  return more.length === 0 ? envelope : replace(envelope, 'params', replace(params, 'notifications', more.reduce((all, wish) => replace(all, wish, true), granted)))
}

export function changesGranted(params: JsonObject): readonly ListName[] {
  const granted = objectIn(params, 'notifications')
  return lists.filter((list) => granted[wishes[list]] === true)
}

export function changeNotice(list: ListName, subscription?: RequestId): JsonObject {
  const notice: JsonObject = { jsonrpc: '2.0', method: `notifications/${list}/list_changed`, params: { _meta: because } }
  return subscription === undefined ? notice : withSubscriptionId(notice, subscription)
}
