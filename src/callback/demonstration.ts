import { reply, writeReply } from '../wechat/reply.js'
import type { Answerer } from './answerer.js'

/** What the hub answers in its sandbox where no route does: it echoes texts and greets who subscribes. */
export function demonstration(clock: { now(): number }): Answerer {
  return {
    name: 'demonstration',
    late: 'customer-service',
    longest: 1000,
    async ask({ message }) {
      const { FromUserName: to, ToUserName: from } = message
      const say = (text: string) =>
        writeReply(reply.text(text), { to, from, createTime: Math.floor(clock.now() / 1000) })
      if (message.MsgType === 'text' && message.Content !== '') return say(message.Content)
      if (message.MsgType === 'event' && message.Event === 'subscribe') return say('Welcome! 欢迎关注！')
      return ''
    },
  }
}
