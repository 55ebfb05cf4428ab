import { Gauge, type Registry } from 'prom-client'

/** A gauge without labels that is read when it is asked for. */
export function addGauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({ name, help, registers, collect() { this.set(read()) } })
}
