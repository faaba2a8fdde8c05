import { ApiError } from '../errmsg.js'
import { bearer } from './credentials.js'
import { Download, type Endpoint } from './endpoint.js'

/** The bytes of an uploaded file, with the content type that it came with. */
export const mediaGet: Endpoint = {
  method: 'GET',
  path: '/cgi-bin/media/get',
  answer(call, world) {
    const file = world.media.get(bearer(call, world), call.query('media_id') ?? '')
    if (file === undefined) throw new ApiError(40007)
    return new Download(file.bytes, file.content_type, file.filename)
  },
}
