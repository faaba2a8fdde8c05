import type { Account } from '../accounts.js'
import { refusedPhone } from './wechat-refusal.js'

const codeHint =
  'A code works once, for 5 minutes, and is that of the phone button (getPhoneNumber), not that of wx.login: the user must press it again. With an openid it must be this user who pressed it.'

/**
 * `POST /wxa/business/getuserphonenumber` [PHONE]: the phone number that a user has agreed to show. With an `openid` only if it is
 * this user's code.
 */
export async function phoneNumber({ wechat }: Account, code: string, openid: string | undefined): Promise<unknown> {
  try {
    const json = openid === undefined ? { code } : { code, openid }
    const { phone_info } = await wechat.call('/wxa/business/getuserphonenumber', { json })
    return phone_info
  } catch (error) {
    throw refusedPhone(error, codeHint)
  }
}
