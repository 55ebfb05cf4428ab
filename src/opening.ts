/**
 * Parts stand on one another: where one cannot be opened, those before it are closed again, the last first, so that whoever starts next finds
 * everything free. What cannot be closed either does not hide why.
 */
export async function opening<T>(open: (opened: AsyncDisposableStack) => Promise<T>): Promise<T> {
  const opened = new AsyncDisposableStack()
  try {
    return await open(opened)
  } catch (fault) {
    await opened.disposeAsync().catch(() => undefined)
    throw fault
  }
}
