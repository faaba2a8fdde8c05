import { expect } from 'vitest'
import { targets } from '../fuzz/targets-generator.js'
import { shop } from '../support/running-hub.js'
import { newSeed, seeded } from '../support/seeded.js'
import { realTokens } from './recording-upstream.js'
import { bearer, gatewayTest, testClient } from './recording-upstream-scene.js'
import { faultOf } from './targets-oracle.js'

const seed = newSeed()
const times = 2_000
const wide = testClient(['shop'], 'gateway:/*')
const test = gatewayTest({ wide })
const token = realTokens[shop.appID] ?? ''

test(`of ${times} generated targets each reaches WeChat as it was judged, or not at all (seed ${seed})`, async ({
  scene,
}) => {
  const next = targets(seeded(seed))
  let forwarded = 0
  for (let time = 0; time < times; time += 1) {
    const target = next().replaceAll('evil', scene.forbidden.host)
    const sent = Buffer.from(target).toString('latin1')
    const answer = await scene.call(sent, [bearer(wide)])
    const arrived = scene.arrived()
    const judged = { path: sent.split('?')[0] ?? '', token, host: scene.upstream.host, scope: '/' }
    expect([target, arrived.length > 1, ...arrived.map((each) => faultOf(each, judged))].filter(Boolean)).toEqual([
      target,
    ])
    const refused = answer === undefined || answer.status >= 400 || JSON.parse(answer.body).errcode !== 0
    expect([target, answer, refused]).toEqual([target, answer, arrived.length === 0])
    forwarded += arrived.length
  }
  expect(forwarded).toBeGreaterThan(times / 20)
  expect(scene.forbidden.connections).toBe(0)
})
