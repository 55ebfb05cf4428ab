import { randomBytes } from 'node:crypto'
import type { Response } from 'express'
import type { Logger } from '../model.ts'
import { sendPage } from '../page.ts'
import { refusedPage } from './pages.ts'

interface Said {
  readonly title: string
  readonly message: string
  /** Where to try again. */
  readonly again?: string
}
export type Refuse = (response: Response, status: number, said: Said, why: Readonly<Record<string, string>>) => void

/** The same words in the log, under an id that the person can tell. */
export const createRefuse = (logger: Logger): Refuse => (response, status, { title, message, again }, why) => {
  const reference = randomBytes(6).toString('hex')
  logger.warn('a sign-in was refused', { ...why, reference })
  sendPage(response, status, refusedPage({ title, message, reference, ...(again === undefined ? {} : { again }) }))
}
