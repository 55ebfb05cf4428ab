const begun: (() => void)[] = []
process.once('exit', () => {
  for (const undo of begun.reverse()) {
    try {
      undo()
    } catch (error) {
      process.stderr.write(`${String(error)}\n`) // what was begun before it is undone all the same
    }
  }
})

/** Does it when told to, or else when this process ends, also where somebody ends it early: what was begun last is undone first. It must not wait for anything. */
export function atExit(undo: () => void): () => void {
  begun.push(undo)
  return () => {
    if (begun.includes(undo)) begun.splice(begun.indexOf(undo), 1)
    undo()
  }
}
