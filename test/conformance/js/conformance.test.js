// Every flow through the unmodified official clients of majors 7, 8 and 9.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { names, run } from './flow.js'
import { clean, serve } from './serve.js'

/** where newer clients take a body that is not an object of named members */
const wholeBody = { 'ml.post_data': 'data', 'ml.validate_detector': 'detector', index: 'document', create: 'document', bulk: 'operations' }

const method = (client, call) => call.split('.').reduce((owner, name) => {
  const found = owner[name.replace(/_(\w)/g, (_, c) => c.toUpperCase())]
  return typeof found === 'function' ? found.bind(owner) : found
}, client)

/** how each client is given parameters, and the major version of Node that it needs */
const clients = {
  7: { params: (call, p) => p, node: 12 },
  8: { params: newer, node: 18 },
  9: { params: newer, node: 20 }
}
const node = Number.parseInt(process.versions.node)

function newer(call, { body, ...rest }) {
  if (body === undefined) return rest
  return wholeBody[call] ? { ...rest, [wholeBody[call]]: body } : { ...rest, ...body }
}

after(clean)

for (const [major, { params, node: least }] of Object.entries(clients)) {
  test(`JavaScript client, major ${major}`, { skip: node < least && `needs Node ${least}` }, async (t) => {
    const { Client } = await import(`client${major}`)
    const server = await serve()
    const client = new Client({ node: server.url, maxRetries: 0 })
    const send = async (call, p) => {
      try {
        const answer = await method(client, call)(params(call, p), { meta: true })
        return { status: answer.statusCode, body: answer.body }
      } catch (e) {
        if (!e.meta?.statusCode) throw e
        return { status: e.meta.statusCode, body: e.meta.body }
      }
    }
    try {
      for (const name of names) {
        await t.test(name, async () => {
          const bad = await run(name, send, Number(major))
          assert.equal(bad.length, 0, `${bad.length} steps were not as expected:\n${bad.join('\n')}`)
        })
      }
    } finally {
      await client.close()
      await server.stop()
    }
  })
}
