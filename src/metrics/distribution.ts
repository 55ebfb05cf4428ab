import { Histogram, type Registry } from 'prom-client'

/** Bounds for what takes from a part of a millisecond to half a minute. */
export const secondsOfCalls = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30]

type Values = Awaited<ReturnType<Histogram['get']>>

/** A histogram without labels. The library's own hashes labels at every observation, of which each call makes five. */
export class Distribution extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor({ name, help, buckets, registers }: { readonly name: string; readonly help: string; readonly buckets: readonly number[]; readonly registers: Registry[] }) {
    super({ name, help, buckets: [...buckets], registers })
    this.#name = name
    this.#help = help
    this.#bounds = buckets
    this.#counts = new Float64Array(buckets.length + 1)
  }

  add(value: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? Infinity)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  /** A bucket counts all that is at most its bound, as Prometheus' text form wants it. */
  override async get(): Promise<Values> {
    let count = 0
    const buckets = [...this.#counts].map((own, index) => {
      count += own
      return { labels: { le: this.#bounds[index] ?? '+Inf' }, value: count, metricName: `${this.#name}_bucket` }
    })
    const values = [...buckets, { labels: {}, value: this.#sum, metricName: `${this.#name}_sum` }, { labels: {}, value: count, metricName: `${this.#name}_count` }]
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values } as unknown as Values // its declared type is an enum that the library does not have
  }

  /** What the library prints from. */
  getForPromString(): Promise<Values> {
    return this.get()
  }
}
