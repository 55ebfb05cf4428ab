import winston from 'winston'
import type { Logger } from './model.ts'

export interface LoggingOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** Standard error where none is given. */
  readonly file?: string
  /** What every line carries. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** JSON lines. `clean` runs over every string: a detected value or a secret in a log would outlive its masking. */
export function createLogger(options: LoggingOptions, clean: (text: string) => string): Logger {
  const transport = options.file === undefined ? new winston.transports.Console({ stderrLevels: ['debug', 'info', 'warn', 'error'] }) : new winston.transports.File({ filename: options.file })
  const log = winston.createLogger({ level: options.level, format: winston.format.combine(winston.format.timestamp(), winston.format.json()), transports: [transport], defaultMeta: options.fields })
  const write = (level: LoggingOptions['level']) => (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    log.log(level, clean(message), cleanFields(fields, clean))
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function cleanFields(fields: Readonly<Record<string, unknown>>, clean: (text: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? clean(value) : value instanceof Error ? clean(value.stack ?? value.message) : value]))
}
