// Leads the flows through one official client.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const flows = fileURLToPath(new URL('../flows/', import.meta.url))

/** names of all flows, in order */
export const names = readdirSync(flows).filter((f) => f.endsWith('.yaml')).sort()

/** what a step may say beside its call */
const members = new Set(['status', 'is', 'size', 'has', 'lacks', 'type', 'says', 'save', 'until', 'since', 'before'])

/** steps of a flow: call, params and what is expected */
export function read(name) {
  return parse(readFileSync(flows + name, 'utf8'), { merge: true }).map((step, i) => {
    const calls = Object.keys(step).filter((k) => !members.has(k))
    assert.equal(calls.length, 1, `${name}, step ${i + 1}: one call a step, not ${calls}`)
    return { ...step, call: calls[0], params: step[calls[0]] ?? {}, at: `${name}, step ${i + 1}: ${calls[0]} ${JSON.stringify(step[calls[0]]).slice(0, 200)}` }
  })
}

/** the value at a path, or undefined */
function at(value, path) {
  if (path === '') return value
  for (const name of path.split(/(?<!\\)\./)) value = value?.[name.replaceAll('\\.', '.')]
  return value
}

/** replaces ${name} by what was saved */
function fill(value, saved) {
  if (typeof value === 'string') return value.replace(/\$\{(\w+)\}/g, (_, name) => saved[name])
  if (Array.isArray(value)) return value.map((v) => fill(v, saved))
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fill(v, saved)]))
  return value
}

/** whether a value is what is wanted; of a map only the wanted members count */
function equal(have, want) {
  if (Array.isArray(want)) return Array.isArray(have) && have.length === want.length && want.every((w, i) => equal(have[i], w))
  if (want && typeof want === 'object') return have !== null && typeof have === 'object' && Object.entries(want).every(([k, w]) => equal(have[k], w))
  return have === want
}

/** everything in which an answer differs from a step's expectations */
function differences(step, answer, saved) {
  const bad = []
  const { status, body } = answer
  if (status !== (step.status ?? 200)) bad.push(`status ${status}, not ${step.status ?? 200}`)
  if (step.type && body?.error?.type !== step.type) bad.push(`type ${body?.error?.type}, not ${step.type}`)
  const text = JSON.stringify(body ?? null).toLowerCase()
  for (const part of step.says ?? []) if (!text.includes(fill(part, saved).toLowerCase())) bad.push(`does not say ${part}`)
  for (const [path, want] of Object.entries(fill(step.is ?? {}, saved))) {
    if (!equal(at(body, path), want)) bad.push(`${path} is ${JSON.stringify(at(body, path))}, not ${JSON.stringify(want)}`)
  }
  for (const [path, want] of Object.entries(step.size ?? {})) {
    if (at(body, path)?.length !== want) bad.push(`${path} has length ${at(body, path)?.length}, not ${want}`)
  }
  for (const path of step.has ?? []) if (at(body, path) === undefined) bad.push(`${path} is missing`)
  for (const path of step.lacks ?? []) if (at(body, path) !== undefined) bad.push(`${path} is ${JSON.stringify(at(body, path))}, should be absent`)
  return bad
}

/**
 * Leads a flow through a client.
 * @param send calls an operation by its name: (call, params) → {status, body}
 * @param major of the client
 * @returns everything that was not as expected
 */
export async function run(name, send, major) {
  const saved = {}
  const bad = []
  for (const step of read(name)) {
    if (major < (step.since ?? 0) || major >= (step.before ?? Infinity)) continue
    let answer, differs
    for (const until = Date.now() + 20_000; ; await sleep(50)) {
      answer = await send(step.call, fill(step.params, saved))
      differs = differences(step, answer, saved)
      if (differs.length === 0 || !step.until || Date.now() > until) break
    }
    if (differs.length > 0) bad.push(`${step.at}\n    ${differs.join('\n    ')}\n    answer: ${JSON.stringify(answer.body)?.slice(0, 600)}`)
    for (const [as, path] of Object.entries(step.save ?? {})) saved[as] = at(answer.body, path)
  }
  return bad
}
