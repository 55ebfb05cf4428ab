import { hash } from 'node:crypto'

/** Which of so many workers serves a principal: sessions, counters and waits of one caller are all on it. */
export const ownerOf = (issuer: string, subject: string, count: number): number =>
  Number.parseInt(hash('sha256', JSON.stringify([issuer, subject]), 'hex').slice(0, 8), 16) % count
