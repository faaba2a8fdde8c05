import { checkSession } from './check-session.js'
import { clearQuota } from './clear-quota.js'
import { customSend } from './custom-send.js'
import type { Endpoint } from './endpoint.js'
import { getPhoneNumber } from './get-phone-number.js'
import { getticket } from './getticket.js'
import { getApiDomainIp, getcallbackip } from './ip-list.js'
import { jscode2session } from './jscode2session.js'
import { mediaGet } from './media-get.js'
import { mediaUpload } from './media-upload.js'
import { stableToken } from './stable-token.js'
import { token } from './token.js'
import { userInfo } from './user-info.js'

/** The calls that the sandbox knows. Any other is 40066, invalid url. */
export const endpoints: readonly Endpoint[] = [
  token,
  stableToken,
  getticket,
  getcallbackip,
  getApiDomainIp,
  jscode2session,
  checkSession,
  getPhoneNumber,
  userInfo,
  customSend,
  mediaUpload,
  mediaGet,
  clearQuota,
]
