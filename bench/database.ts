import { DatabaseSync } from 'node:sqlite'
import { customers } from './cases.ts'

type Row = Readonly<Record<string, unknown>>

/** What both servers read their answers from, each time they are asked. */
export function openDatabase(): { query(sql: string): Row[]; list(limit: number): Row[] } {
  const db = new DatabaseSync(':memory:')
  const columns = Object.keys(customers[0] ?? {})
  db.exec(`CREATE TABLE customers (${columns.join(', ')})`)
  const insert = db.prepare(`INSERT INTO customers VALUES (${columns.map(() => '?').join(', ')})`)
  for (const customer of customers) insert.run(...Object.values(customer).map((value) => (typeof value === 'boolean' ? Number(value) : value)))
  const list = db.prepare('SELECT * FROM customers LIMIT ?')
  return { query: (sql) => db.prepare(sql).all(), list: (limit) => list.all(limit) }
}
