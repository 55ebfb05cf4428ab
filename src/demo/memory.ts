interface Found {
  readonly payload: Record<string, unknown>
  readonly until: number
}

/** What a provider of the demo has to find again, for as long as it runs. Who signed in is not kept: the next time they may be somebody else. */
export function createMemory() {
  const kept = new Map<string, Found>()
  return (model: string) => {
    const key = (id: string): string => `${model} ${id}`
    const find = (id: string) => {
      const found = kept.get(key(id))
      if (found !== undefined && found.until > Date.now()) return found.payload
      kept.delete(key(id))
      return undefined
    }
    return {
      async upsert(id: string, payload: Record<string, unknown>, seconds = 24 * 3600) {
        if (model !== 'Session') kept.set(key(id), { payload, until: Date.now() + seconds * 1000 })
      },
      find: async (id: string) => find(id),
      async findByUid(uid: string) {
        return [...kept].find(([own, { payload }]) => own.startsWith(`${model} `) && payload['uid'] === uid)?.[1].payload
      },
      async consume(id: string) {
        const payload = find(id)
        if (payload !== undefined) payload['consumed'] = Math.floor(Date.now() / 1000)
      },
      destroy: async (id: string) => void kept.delete(key(id)),
      async revokeByGrantId(grant: string) {
        for (const [own, { payload }] of kept) if (payload['grantId'] === grant) kept.delete(own)
      },
    }
  }
}
