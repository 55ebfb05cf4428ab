// How long to wait, in milliseconds, before a gateway or a stream is tried again.
export const shortestPause = 50
export const usualPause = 1_000
export const longestPause = 30_000
