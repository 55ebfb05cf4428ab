import type { OpaTrace, TraceStep } from '../../bundle/opa.ts'
import { printable, type Output } from '../output.ts'
import { ranges } from './report.ts'

const longest = 160
const told = (answer: TraceStep['answers'][number]): string => {
  const text = JSON.stringify(answer)
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}

const sayStep = ({ row, rules, answers, stopped, asked }: TraceStep): readonly string[] => {
  const name = `  ${String(row).padStart(4)}  ${[...new Set(rules)].join(', ')}`
  if (answers.length === 0) return [`${name}: nothing${stopped.length === 0 ? '' : ` (line ${ranges(stopped)} does not hold)`}`]
  const often = asked > 1 ? ` (asked ${asked} times)` : ''
  return answers.length === 1 ? [`${name}: ${told(answers[0]!)}${often}`] : [`${name}:${often}`, ...answers.map((answer) => `        ${told(answer)}`)]
}

/** File by file: what each rule said, and which lines took part. Where no rule of a file said anything, it is one line. */
export const showTrace = ({ steps, lines }: OpaTrace, output: Output): void => {
  const files = Map.groupBy(steps, ({ file }) => file)
  for (const [file, ofFile] of files) {
    output.line()
    if (ofFile.every(({ answers }) => answers.length === 0)) {
      output.line(printable(`${file}: nothing (${ofFile.length} ${ofFile.length === 1 ? 'rule' : 'rules'} asked)`))
      continue
    }
    output.line(printable(file))
    for (const step of ofFile) for (const line of sayStep(step)) output.line(printable(line))
    output.line(printable(`        lines that took part: ${ranges(lines[file] ?? [])}`))
  }
}
