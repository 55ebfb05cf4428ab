import { DatabaseSync } from 'node:sqlite'
import type { Customer } from './customers.ts'

export type Cell = string | number | null
export type Row = Record<string, Cell>
export interface SqlAnswer {
  readonly rows: Row[]
  readonly row_count: number
  readonly truncated: boolean
}

const mostRows = 1000

const schema = `CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  company TEXT NOT NULL,
  city TEXT NOT NULL,
  plan TEXT NOT NULL,
  balance REAL NOT NULL,
  ssn TEXT NOT NULL,
  card_number TEXT NOT NULL,
  api_key TEXT NOT NULL,
  notes TEXT NOT NULL
) STRICT`

const toCell = (value: unknown): Cell =>
  value === null || typeof value === 'string' || typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : String(value)

/** The database of the demo, in memory. It obeys whatever it is told: what must not happen is the gateway's to stop. */
export function createCrmDatabase(customers: readonly Customer[]) {
  const db = new DatabaseSync(':memory:')
  db.exec(schema)
  const columns = ['id', 'name', 'email', 'company', 'city', 'plan', 'balance', 'ssn', 'card_number', 'api_key', 'notes'] as const
  const insert = db.prepare(`INSERT INTO customers VALUES (${columns.map(() => '?').join(', ')})`)
  db.exec('BEGIN')
  for (const customer of customers) insert.run(...columns.map((column) => customer[column]))
  db.exec('COMMIT')

  const toRow = (row: Record<string, unknown>): Row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toCell(value)]))

  return {
    /** A statement with columns is read, up to a number of rows; anything else, also several statements, is carried out. */
    run(sql: string): SqlAnswer {
      const statement = db.prepare(sql)
      if (statement.columns().length === 0) {
        db.exec(sql)
        return { rows: [], row_count: 0, truncated: false }
      }
      const rows: Row[] = []
      for (const row of statement.iterate()) {
        if (rows.length === mostRows) return { rows, row_count: rows.length, truncated: true }
        rows.push(toRow(row))
      }
      return { rows, row_count: rows.length, truncated: false }
    },
    list: (limit: number, offset: number): Row[] =>
      db.prepare('SELECT * FROM customers ORDER BY id LIMIT ? OFFSET ?').all(limit, offset).map(toRow),
    get(id: number): Row | undefined {
      const row = db.prepare('SELECT * FROM customers WHERE id = ?').get(id)
      return row === undefined ? undefined : toRow(row)
    },
    count: (): number => Number(db.prepare('SELECT count(*) AS n FROM customers').get()?.['n'] ?? 0),
    schema: (): string => db.prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY name").all().map((row) => `${row['sql']};`).join('\n'),
    close: () => db.close(),
  }
}
export type CrmDatabase = ReturnType<typeof createCrmDatabase>
