export const usualPause = 1_000
export const longestPause = 30_000
export const shortestPause = 50

export const say = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault))
export const ignore = (): void => undefined
