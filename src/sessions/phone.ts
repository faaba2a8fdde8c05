import type { Account } from '../accounts.js'
import { refusedByWechat } from './wechat-refusal.js'

const codeHint =
  'A code works once, for 5 minutes, and is that of the phone button (getPhoneNumber), not that of wx.login: the user must press it again.'

/** `POST /wxa/business/getuserphonenumber` [PHONE]: the phone number that a user has agreed to show. */
export async function phoneNumber({ wechat }: Account, code: string): Promise<unknown> {
  try {
    const { phone_info } = await wechat.call('/wxa/business/getuserphonenumber', { json: { code } })
    return phone_info
  } catch (error) {
    throw refusedByWechat(error, codeHint)
  }
}
