import type { ApiAnswer, ApiClient, Query } from './api.ts'

interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

/** Reads a list to its end, or until there are as many as wanted; `next_cursor` tells whether there are more. */
export async function readPages<T>(client: ApiClient, path: string, query: Query, most: number): Promise<ApiAnswer<Page<T>>> {
  const items: T[] = []
  let cursor = query['cursor'] as string | undefined
  for (;;) {
    const limit = Math.min(200, most - items.length)
    const answer = await client.get<Page<T>>(path, { ...query, limit, cursor })
    if (!answer.ok) return answer
    items.push(...answer.body.items)
    const next = answer.body.next_cursor
    if (next === null || items.length >= most) return { ...answer, body: { items, next_cursor: next } }
    cursor = next
  }
}

export const readCount = (text: string): number | undefined => (/^\d{1,6}$/.test(text) && Number(text) > 0 ? Number(text) : undefined)
