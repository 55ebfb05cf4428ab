/** Does it when told to, or else when this process ends, also where somebody ends it early: what was begun last is undone first. It must not wait for anything. */
export function atExit(undo: () => void): () => void {
  process.prependOnceListener('exit', undo)
  return () => {
    process.off('exit', undo)
    undo()
  }
}
