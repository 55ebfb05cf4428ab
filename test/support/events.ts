/** Reads a response's stream event by event, as they arrive. */
export async function* readEvents(response: Response): AsyncGenerator<{ id?: string; data: string; retry?: string }> {
  if (response.body === null) return
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
      const fields = Object.fromEntries(text.slice(0, at).split('\n').filter((line) => !line.startsWith(':') && line !== '').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]))
      text = text.slice(at + 2)
      if (Object.keys(fields).length > 0) yield { data: '', ...fields }
    }
  }
}

export const messagesIn = async (response: Response): Promise<Record<string, unknown>[]> => {
  const seen: Record<string, unknown>[] = []
  for await (const { data } of readEvents(response)) if (data !== '') seen.push(JSON.parse(data))
  return seen
}

/** The messages on a stream, as they arrive; events that say nothing are left out. */
export async function* readMessages(response: Response): AsyncGenerator<Record<string, unknown>> {
  for await (const { data } of readEvents(response)) if (data !== '') yield JSON.parse(data)
}
