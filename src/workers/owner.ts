import { hash } from 'node:crypto'

interface Caller {
  readonly issuer: string
  readonly subject: string
}

/** Where a principal belongs, as one of 4096 places: enough to share callers out evenly, and too few to tell who somebody is. */
export const placeOf = ({ issuer, subject }: Caller): number => Number.parseInt(hash('sha256', JSON.stringify([issuer, subject]), 'hex').slice(0, 3), 16)
export const isPlace = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 4096

/** Which of so many workers serves a place: sessions, counters and waits of one caller are all on it. */
export const ownerAt = (place: number, count: number): number => place % count
export const ownerOf = (issuer: string, subject: string, count: number): number => ownerAt(placeOf({ issuer, subject }), count)
