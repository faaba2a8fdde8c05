import { HttpError } from '../http/error.js'
import { ErrcodeError } from '../wechat/errors.js'

/** [C2S-OLD] WeChat blocks this user as risky. */
const blocked = 40226

/** The statement of WeChat that this request is wrong, as a refusal of ours with its errcode; any other error as it is. */
export function refusedByWechat(error: unknown, hint: string): unknown {
  if (!(error instanceof ErrcodeError) || error.kind !== 'request') return error
  const { errcode, message } = error
  if (errcode === blocked) return new HttpError(403, message, { errcode, hint: 'Do not let this user in.' })
  return new HttpError(400, message, { errcode, hint: error.hint ?? hint })
}
