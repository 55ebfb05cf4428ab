import { describe, expect, test } from '@jest/globals'
import { isoTime, msOf } from '../src/iso-time.ts'

describe('times as text', () => {
  const times = [0, 1, 999, 1000, 951_782_399_999, 951_782_400_000, 1_767_225_599_050, 1_767_225_599_050, 1_767_225_600_000, 1_767_225_599_999, -1, -1000, 253_402_300_799_999, 253_402_300_800_000]

  test.each(times)('%d is printed as ECMAScript does, and read back', (ms) => {
    expect(isoTime(ms)).toBe(new Date(ms).toISOString())
    expect(msOf(new Date(ms).toISOString())).toBe(ms)
  })

  test('one of another second is read in between', () => {
    const text = isoTime(1_767_225_599_050)
    expect(isoTime(5_000)).toBe('1970-01-01T00:00:05.000Z')
    expect(msOf(text)).toBe(1_767_225_599_050)
    expect(msOf('1970-01-01T00:00:05.123Z')).toBe(5_123)
  })
})
