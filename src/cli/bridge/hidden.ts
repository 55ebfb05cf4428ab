const most = 8

/** Tokens that went out. Whoever sends one back, or quotes it in an error, does not get it into a client's context or a log. */
export interface Hidden {
  /** Answers with the token itself. */
  remember(token: string): string
  hide(text: string): string
}

export function createHidden(): Hidden {
  let tokens: readonly string[] = []
  return {
    remember(token) {
      if (!tokens.includes(token)) tokens = [token, ...tokens].slice(0, most)
      return token
    },
    hide: (text) => tokens.reduce((rest, token) => rest.replaceAll(token, '[TOKEN]'), text),
  }
}
