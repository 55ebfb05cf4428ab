/**
 * What the module looks at before a detour asks the host, which costs many times as much, while there is mostly nothing odd. A guard leaves 1 where
 * the host is to be asked, else 0.
 */
import { signed, u32 } from './module-bytes.ts'

/** How OPA's runtime lays values out: the type in the first byte, then what follows here. Strings and booleans are made by the module or interned. */
export const layout = { booleans: [2, 9], strings: [4, 8], set: 7, array: 5, number: 3, form: 1, written: 2, truth: 1, elements: 8, length: 4, bytes: 8 } as const

/** The instructions, given the number of operands and that of a free i32 local. */
export type Guard = (operands: number, local: number) => readonly number[]

const [loop, ifThen, end, brIf, drop, block] = [0x03, 0x04, 0x0b, 0x0d, 0x1a, 0x02]
const [none, i32] = [0x40, 0x7f]
const [geU, gtU, eq, add, sub, and, or] = [0x4f, 0x4b, 0x46, 0x6a, 0x6b, 0x71, 0x72]
const constant = (value: number): readonly number[] => [0x41, ...signed(value)]
const get = (local: number): readonly number[] => [0x20, ...u32(local)]
const tee = (local: number): readonly number[] => [0x22, ...u32(local)]
const byteAt = (offset: number): readonly number[] => [0x2d, 0, ...u32(offset)]
const wordAt = (offset: number): readonly number[] => [0x28, 2, ...u32(offset)]

/** Numbers that the module keeps as they were written. */
export const hasWrittenNumber: Guard = (operands) =>
  Array.from({ length: operands }, (_, at) => [
    ...get(at), ...byteAt(0), ...constant(layout.number), eq, ...get(at), ...byteAt(layout.form), ...constant(layout.written), eq, and, ...(at === 0 ? [] : [or]),
  ]).flat()

/** So few that no fuel is taken for them. */
const mostDigits = 15

/** Anything but a short text of digits. */
export const isNoDigits: Guard = (_operands, local) => [
  block, i32, ...constant(1),
  // No other type has these bits alone.
  ...get(0), ...byteAt(0), ...constant(0xff & ~(layout.strings[0] | layout.strings[1])), and, brIf, 0,
  ...get(0), ...wordAt(layout.length), ...tee(local), ...constant(1), sub, ...constant(mostDigits), geU, brIf, 0,
  loop, none, ...constant(1),
  ...get(0), ...wordAt(layout.bytes), ...get(local), ...constant(1), sub, ...tee(local), add, ...byteAt(0), ...constant(0x30), sub, ...constant(9), gtU, brIf, 1,
  drop, ...get(local), brIf, 0, end,
  drop, ...constant(0), end,
]

/** The instructions behind it, where it is not 0. */
export const guarded = (guard: readonly number[], instructions: readonly number[]): readonly number[] => [...guard, ifThen, none, ...instructions, end]
