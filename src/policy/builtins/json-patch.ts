/** RFC 6902, which OPA applies to sets too, and to paths that are arrays of keys. */
import { asArray, asInt, asObject, asText, builtin, given, noAnswer, type Charge, type HostBuiltin } from './builtin.ts'
import { equal, isArray, RegoNumber, RegoObject, RegoSet, type Value } from './value.ts'

type Path = readonly Value[]
/** Changes what stands at a key of a container, which is there already or not. */
type Change = (container: Value, key: Value) => Value

export function pathOf(value: Value | undefined): Path {
  if (isArray(value)) return value
  const text = asText(value)
  return text === '' ? [] : text.replace(/^\/+/, '').split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function indexOf(array: readonly Value[], key: Value, most: number): number {
  if (key === '-') return array.length <= most ? array.length : noAnswer()
  const text = key instanceof RegoNumber ? String(asInt(key)) : asText(key)
  if (!/^[+-]?\d+$/.test(text) || (typeof key === 'string' && /^0./.test(text))) noAnswer()
  const index = Number(text)
  return index >= 0 && index <= most ? index : noAnswer()
}

function at(container: Value, key: Value): Value {
  if (container instanceof RegoObject) return given(container.get(key))
  if (container instanceof RegoSet) return given(container.elements.find((element) => equal(element, key)))
  return isArray(container) ? given(container[indexOf(container, key, container.length - 1)]) : noAnswer()
}

const without = (object: RegoObject, key: Value): RegoObject['pairs'] => object.pairs.filter(([other]) => !equal(other, key))

const insert = (value: Value): Change => (container, key) => {
  if (container instanceof RegoObject) return new RegoObject([...without(container, key), [key, value]])
  if (container instanceof RegoSet) return equal(key, value) ? new RegoSet([...container.elements, value]) : noAnswer()
  return isArray(container) ? container.toSpliced(indexOf(container, key, container.length), 0, value) : noAnswer()
}

const remove: Change = (container, key) => {
  at(container, key)
  if (container instanceof RegoObject) return new RegoObject(without(container, key))
  if (container instanceof RegoSet) return new RegoSet(container.elements.filter((element) => !equal(element, key)))
  return isArray(container) ? container.toSpliced(indexOf(container, key, container.length - 1), 1) : noAnswer()
}

function replaced(container: Value, key: Value, value: Value): Value {
  if (container instanceof RegoSet) return new RegoSet(container.elements.map((element) => (equal(element, key) ? value : element)))
  return isArray(container) ? container.with(indexOf(container, key, container.length - 1), value) : insert(value)(container, key)
}

function change(root: Value, path: Path, how: Change, charge: Charge): Value {
  charge(20 + 20 * sizeOf(root))
  const [key, ...rest] = path
  if (key === undefined) return noAnswer()
  return rest.length === 0 ? how(root, key) : replaced(root, key, change(at(root, key), rest, how, charge))
}

function sizeOf(value: Value): number {
  return isArray(value) ? value.length : value instanceof RegoSet ? value.elements.length : value instanceof RegoObject ? value.pairs.length : 1
}

/** Undefined once the whole document is removed. */
function apply(root: Value | undefined, operation: RegoObject, charge: Charge): Value | undefined {
  const path = pathOf(operation.get('path'))
  const value = (): Value => given(operation.get('value'))
  const from = (): Path => pathOf(operation.get('from'))
  const find = (where: Path): Value => where.reduce<Value>(at, given(root))
  const add = (to: Value | undefined, added: Value): Value => (path.length === 0 ? added : change(given(to), path, insert(added), charge))
  const take = (where: Path): Value | undefined => (where.length === 0 ? (root === undefined ? noAnswer() : undefined) : change(given(root), where, remove, charge))
  charge(100 + 20 * path.length)
  switch (asText(operation.get('op'))) {
    case 'add':
      return add(root, value())
    case 'remove':
      return take(path)
    case 'replace':
      return add(take(path), value())
    case 'move': {
      const moved = find(from())
      return add(take(from()), moved)
    }
    case 'copy':
      return add(root, find(from()))
    case 'test':
      return equal(find(path), value()) ? root : noAnswer()
    default:
      return noAnswer()
  }
}

const patch = builtin(([document, operations], charge) => {
  let patched: Value | undefined = document ?? null
  for (const operation of asArray(operations)) patched = apply(patched, asObject(operation), charge)
  return patched
})

export const patchBuiltins = { 'json.patch': patch } satisfies Record<string, HostBuiltin>
