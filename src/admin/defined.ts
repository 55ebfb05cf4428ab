type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }
/** Members that were not given are left out, not `undefined`. */
export const defined = <T extends object>(query: T): Defined<T> =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as Defined<T>
