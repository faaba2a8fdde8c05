import { ApiError } from '../errmsg.js'
import { type MediaType, mediaTypes } from '../media.js'
import type { Call } from './call.js'
import { bearer } from './credentials.js'
import type { Endpoint } from './endpoint.js'
import { readFile } from './multipart.js'

/** The largest file, in bytes. WeChat's own limits are lower and differ by type. */
const largest = 64 * 1024 * 1024

/** A temporary file: multipart/form-data with the field `media`. */
export const mediaUpload: Endpoint = {
  method: 'POST',
  path: '/cgi-bin/media/upload',
  async answer(call, world) {
    const appid = bearer(call, world)
    const type = typeOf(call)
    const file = await readFile(call.request, 'media', largest)
    const media_id = world.media.add({ appid, type, ...file })
    return { type, media_id, created_at: Math.floor(world.clock.now() / 1000) }
  },
}

function typeOf(call: Call): MediaType {
  const type = mediaTypes.find((each) => each === call.query('type'))
  if (type === undefined) throw new ApiError(40004)
  return type
}
