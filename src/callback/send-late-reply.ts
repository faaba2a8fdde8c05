import { readReplyXml } from '../wechat/reply.js'
import type { Wechat } from '../wechat/wechat.js'
import { Undeliverable } from './undeliverable.js'

/**
 * Sends the XML of a passive reply, empty for none, to a user by the customer-service API.
 *
 * @throws {Undeliverable} when that API knows no such message.
 * @throws {WechatError} as `Wechat.call` does.
 */
export async function sendLateReply(wechat: Wechat, openid: string, text: string): Promise<void> {
  if (text === '') return
  const reply = readReplyXml(text)
  if (reply === undefined) throw new Undeliverable('the reply is of a kind that the customer-service API can not send')
  if (reply.MsgType === 'transfer_customer_service') {
    throw new Undeliverable('a conversation can be handed over by a passive reply only, and that came too late')
  }
  await wechat.sendMessage(openid, reply)
}
