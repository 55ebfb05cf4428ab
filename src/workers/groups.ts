/** Groups of processes, by the first of each, that a worker started: whoever is left ends them, should it end before them. */
export interface Groups {
  began(pid: number): void
  ended(pid: number): void
  endAll(): void
}

export function createGroups(): Groups {
  const running = new Set<number>()
  return {
    began: (pid) => void running.add(pid),
    ended: (pid) => void running.delete(pid),
    endAll() {
      for (const pid of running) {
        try {
          process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
        } catch {
          // all of them are gone already
        }
      }
      running.clear()
    },
  }
}
