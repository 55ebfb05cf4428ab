/** Milliseconds of this thread's own processor time: what else the machine does meanwhile does not count. */
export function millisOfWork(act: () => unknown): number {
  const before = process.threadCpuUsage()
  act()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
