import { z } from 'zod'
import { checked } from '../refusal.js'
import type { World } from '../world.js'
import type { Control } from './control.js'

const schema = z.strictObject({ advance: z.number() })

export const advanceClock: Control = {
  method: 'POST',
  path: '/sandbox/clock',
  about: '{"advance": seconds}: moves time forward',
  run({ body }, world) {
    world.clock.advance(checked(schema, body).advance)
    return reading(world)
  },
}

export const readClock: Control = {
  method: 'GET',
  path: '/sandbox/clock',
  about: '{now, offset}: the time here in ms since the epoch, and how far it is ahead in seconds',
  run: (_request, world) => reading(world),
}

function reading({ clock }: World): object {
  return { now: clock.now(), offset: clock.offset }
}
