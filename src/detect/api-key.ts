import type { Span } from '../model.ts'
import { joinSpans, spansOf } from './detector.ts'

/** Each begins where no letter or digit stands before it, and takes all that can belong to it. */
const kinds = [
  String.raw`(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])`, // AWS access key id
  String.raw`gh[pousr]_[A-Za-z0-9_]{36,}(?:\.[\w-]{10,}){0,2}`, // GitHub, classic and app
  String.raw`github_pat_[A-Za-z0-9_]{36,}`, // GitHub, fine-grained
  String.raw`xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}`, // Slack
  String.raw`xapp-\d-[A-Za-z0-9-]{10,}`,
  String.raw`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}`,
  String.raw`sk-ant-[A-Za-z0-9_-]{20,}`, // Anthropic
  String.raw`sk-(?:proj|svcacct|admin|none)-[A-Za-z0-9_-]{20,}`, // OpenAI
  String.raw`sk-[A-Za-z0-9]{32,}`,
  String.raw`[sr]k_(?:live|test)_[A-Za-z0-9]{10,}`, // Stripe
  String.raw`whsec_[A-Za-z0-9+/=]{24,}`,
  String.raw`AIza[A-Za-z0-9_-]{35,}`, // Google
  String.raw`GOCSPX-[A-Za-z0-9_-]{20,}`,
  String.raw`ya29\.[A-Za-z0-9_-]{20,}`,
  String.raw`AQ\.Ab[A-Za-z0-9_-]{30,}`,
]
/** Capitals do not count: a key that was folded is still most of a secret. */
export const keys = new RegExp(`(?<![A-Za-z0-9])(?:${kinds.join('|')})`, 'gi')
/** AWS secrets are forty characters of base64: only their company tells them. */
const awsNamed = /secret[ _-]?(?:access[ _-]?)?key(?:[ _-]?id)?[^A-Za-z0-9/+]{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/gi
const awsPaired =
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9/+]{1,8}(?:[A-Za-z_ -]{0,32}[=:"'\s]{1,8})?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/gi
export const awsLabel = /secret[ _-]?(?:access[ _-]?)?key|aws.{0,16}secret/i
const awsBare = /^\s*[A-Za-z0-9/+]{40}\s*$/

export function findApiKeys(text: string, label?: string): readonly Span[] {
  const spans = spansOf(keys, text)
  if (text.length >= 40) {
    for (const pattern of [awsNamed, awsPaired]) {
      for (const { end } of spansOf(pattern, text)) spans.push({ start: end - 40, end })
    }
    if (label !== undefined && awsLabel.test(label) && awsBare.test(text)) {
      const start = text.search(/\S/)
      spans.push({ start, end: start + 40 })
    }
  }
  return joinSpans(spans)
}
