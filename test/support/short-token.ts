/** Begins with a token that ends soon, but not before all has begun: where that takes longer it is begun again, with a longer one. */
export async function beginWithShortToken<T>(issue: (expires: string) => Promise<string>, begin: (token: string) => Promise<T>): Promise<T> {
  for (let seconds = 2; ; seconds *= 2) {
    try {
      return await begin(await issue(`${seconds}s`))
    } catch (error) {
      if (seconds > 60) throw error
    }
  }
}
