/** One way for a policy to work without end; `pad` is the data by which it does. */
export interface Runaway {
  readonly name: string
  readonly rule: string
  readonly pad?: string
}

const range = (to: number) => `numbers.range(1, ${to})`
const doubling = Array.from({ length: 40 }, (_, at) => `s${at + 1} := concat("", [s${at}, s${at}])`).join('\n\n')

export const runaways: readonly Runaway[] = [
  { name: 'loop', rule: `count([1 | some i in ${range(100_000)}; some j in ${range(100_000)}; i == j]) == 0` },
  { name: 'triple loop', rule: `count([1 | some i in ${range(200)}; some j in ${range(200)}; some k in ${range(200)}; i + j + k < 0]) > 0` },
  { name: 'a gigabyte of texts', rule: `count([s | some i in ${range(100_000)}; s := concat("", [x | some _ in ${range(100)}; x := "0123456789012345678901234567890123456789"])]) == 0` },
  { name: 'texts that double', rule: 's40 == ""' },
  { name: 'sets of sets', rule: `count({{i, j, k} | some i in ${range(300)}; some j in ${range(300)}; some k in ${range(300)}}) == 0` },
  { name: 'objects', rule: `count({sprintf("%d-%d", [i, j]): {"a": [i, j]} | some i in ${range(3_000)}; some j in ${range(3_000)}}) == 0` },
  { name: 'a range of a billion', rule: 'count(numbers.range(1, 1000000000)) == 0' },
  { name: 'a wide number', rule: 'sprintf("%1000000000d", [1]) == ""' },
  { name: 'every path of its own data', rule: `count([p | some _ in ${range(10_000)}; some p, _ in walk(input.message)]) == 0` },
  { name: 'pairs of what came', rule: 'count([1 | some a in split(pad, ","); some b in split(pad, ","); some c in split(pad, ","); a == b; b == c]) == 0', pad: Array.from({ length: 3_000 }, (_, at) => at).join() },
  { name: 'a pattern for a backtracker', rule: `count([1 | some _ in ${range(100_000)}; regex.match(\`^(\\w+\\s?)*$\`, pad)]) == 0`, pad: `${'a'.repeat(5_000)}!` },
  { name: 'a pattern that came', rule: 'regex.match(pad, concat("", [x | some _ in numbers.range(1, 100000); x := "aaaaaaaaaaaaaaaaaaaa"]))', pad: '(a{1,500}){1,500}{1,500}$' },
  { name: 'a pattern of many states', rule: `count([1 | some i in ${range(100_000)}; regex.match(sprintf("(x{1,900}){%d}", [i]), pad)]) == 0`, pad: 'x'.repeat(20_000) },
  { name: 'letters of every script', rule: `count([1 | some i in ${range(100_000)}; regex.match(sprintf(\`(?i)\\p{L}{1,100}%d\`, [i]), "x")]) == 0` },
  { name: 'a long number', rule: `# sallyport-lint: ignore builtin_may_fail: it is one\n\tcount([1 | some _ in ${range(100_000)}; to_number(pad) < 1]) > 0`, pad: '9'.repeat(20_000) },
  { name: 'replacing', rule: 'count(replace(replace(replace(pad, "x", "xxxxxxxxxxxxxxxxxxxx"), "x", "xxxxxxxxxxxxxxxxxxxx"), "x", "xxxxxxxxxxxxxxxxxxxx")) == 0', pad: 'x'.repeat(20_000) },
]

/** Which of them runs is asked by the nonce of the call. */
export const runawayPolicy = `package policies.faults

import data.sallyport

allow if input.message.call.name == "work"

s0 := "0123456789"

${doubling}

${runaways.map(({ name, rule }, at) => `deny contains {"code": "runaway_${at}"} if {
	input.message.direction == "to_server"
	sallyport.arg("nonce") == "${name}"
	pad := sprintf("%v", [sallyport.arg("pad")])
	count(pad) > 0
	${rule}
}`).join('\n\n')}
`
